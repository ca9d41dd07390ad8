//! `sparkwave dataset`

mod build;
mod info;
mod simulate;
mod split;

/// Make and look at training files, HDF5 in the layout of the mSCT data
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Build(build::Args),
    Info(info::Args),
    Simulate(simulate::Args),
    Split(split::Args),
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Build(args) => build::execute(args),
        What::Info(args) => info::execute(args),
        What::Simulate(args) => simulate::execute(args),
        What::Split(args) => split::execute(args),
    }
}
