//! `sparkwave simulate`

mod sparks;
mod waves;

pub(crate) use sparks::Scene;

/// Simulate a recording with known truth
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Sparks(sparks::Args),
    Waves(waves::Args),
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Sparks(args) => sparks::execute(args),
        What::Waves(args) => waves::execute(args),
    }
}
