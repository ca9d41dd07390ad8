//! `sparkwave dataset`

mod info;
mod simulate;

/// Make and look at training files, HDF5 in the layout of the mSCT data
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Info(info::Args),
    Simulate(simulate::Args),
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Info(args) => info::execute(args),
        What::Simulate(args) => simulate::execute(args),
    }
}
