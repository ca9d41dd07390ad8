//! The sparkwave command line: one file a command, dispatch here.

mod cmd;
mod output;
mod progress;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Functional optical brain imaging: from raw movies to events, waves and figures.
#[derive(Debug, Parser)]
#[command(
    name = "sparkwave",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(cmd::demo::Args),
    Info(cmd::info::Args),
    Convert(cmd::convert::Args),
    Dataset(cmd::dataset::Args),
    Simulate(cmd::simulate::Args),
    Sparks(cmd::sparks::Args),
    Train(cmd::train::Args),
    Predict(cmd::predict::Args),
    Analyze(Box<cmd::analyze::Args>),
    Propagate(Box<cmd::propagate::Args>),
    Models(cmd::models::Args),
    Waves(cmd::waves::Args),
    Evaluate(cmd::evaluate::Args),
    Experiment(cmd::experiment::Args),
}

fn main() -> ExitCode {
    // Readers contain panics of the decoders that they call and turn them into errors; those must not reach the user.
    std::panic::set_hook(Box::new(|_| {}));
    let command = Cli::parse().command;
    match std::panic::catch_unwind(|| execute(&command)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            output::error(&error);
            // A parameter without meaning is the user's argument; everything else went wrong on the way.
            let bad_argument = error.downcast_ref::<sparkwave::Error>().is_some_and(sparkwave::Error::is_bad_parameter);
            ExitCode::from(if bad_argument { 2 } else { 1 })
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            output::error(&anyhow::anyhow!("this is a defect of sparkwave, please report it: {text}"));
            ExitCode::from(1)
        }
    }
}

fn execute(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(args) => cmd::demo::execute(args),
        Command::Info(args) => cmd::info::execute(args),
        Command::Convert(args) => cmd::convert::execute(args),
        Command::Dataset(args) => cmd::dataset::execute(args),
        Command::Simulate(args) => cmd::simulate::execute(args),
        Command::Sparks(args) => cmd::sparks::execute(args),
        Command::Train(args) => cmd::train::execute(args),
        Command::Predict(args) => cmd::predict::execute(args),
        Command::Analyze(args) => cmd::analyze::execute(args),
        Command::Propagate(args) => cmd::propagate::execute(args),
        Command::Models(args) => cmd::models::execute(args),
        Command::Waves(args) => cmd::waves::execute(args),
        Command::Evaluate(args) => cmd::evaluate::execute(args),
        Command::Experiment(args) => cmd::experiment::execute(args),
    }
}
