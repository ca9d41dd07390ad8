//! `sparkwave train`

mod mask_track;
mod sam2;

use crate::cmd::{Device, Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::nn::Augment;
use sparkwave::nn::card::Architecture;
use sparkwave::nn::crops::PuSampling;
use sparkwave::nn::loss::Loss;
use sparkwave::nn::models::attention_unet::AttentionUNetConfig;
use sparkwave::nn::models::stardist3d::StarDist3dConfig;
use sparkwave::nn::models::unet2d::UNet2dConfig;
use sparkwave::nn::models::unet3d::UNet3dConfig;
use sparkwave::nn::models::unetr::UnetrConfig;
use sparkwave::nn::train::{Schedule, TrainConfig};
use sparkwave::train::{Subset, TrainRun};
use std::path::PathBuf;

/// Train a network; Ctrl-C leaves a run that --resume goes on with
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    network: Network,
}

/// The network.
#[derive(Debug, clap::Subcommand)]
enum Network {
    /// 3D U-Net whose bottleneck is trained at the size at which it runs
    Unet3d(Box<Voxels>),
    /// 3D U-Net as published for synaptic transients
    Unet3dPublished(Box<Voxels>),
    /// U-Net whose skip connections are weighed by what is known below
    AttentionUnet(Box<Voxels>),
    /// Transformer over patches of 16 voxels with a convolutional decoder
    Unetr(Box<Voxels>),
    /// U-Net for frames, one by one, such as the masks of waves
    Unet2d(Box<Voxels>),
    /// Star-convex events: how probable each cell is the middle of one, and how far it reaches along 96 rays
    Stardist3d(Box<Voxels>),
    /// The same as published for synaptic transients: wider, and looks further
    Stardist3dPublished(Box<Voxels>),
    MaskTrack(mask_track::Args),
    Sam2(sam2::Args),
}

/// Training on a training file.
#[derive(Debug, clap::Args)]
struct Voxels {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    training: Training,
    /// Unlabeled crops for each event
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().pu_ratio)]
    pu_ratio: usize,
    /// Learn from this part of the recordings only
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    subset: f64,
    /// Seed of the draw of that part
    #[arg(long, value_name = "N", default_value_t = 0)]
    subset_draw: u64,
    /// Seed of initial weights, crops and their order
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    running: Running<Device>,
}

/// What training reads and where it writes.
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// The training file (see `sparkwave dataset`)
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) out: Out,
    /// Parameters of an earlier run (its run.toml); other arguments are then ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// How a network is trained, but for what experiments vary.
#[derive(Debug, clap::Args)]
pub(crate) struct Training {
    /// Steps of the optimizer
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    steps: usize,
    /// Crops a step
    #[arg(long, value_name = "N", default_value_t = 16)]
    batch: usize,
    /// Edge of a crop, in voxels
    #[arg(long, value_name = "N", default_value_t = 32)]
    crop: usize,
    /// Step size of Adam
    #[arg(long, value_name = "X", default_value_t = TrainConfig::default().learning_rate)]
    learning_rate: f64,
    /// How the step size changes on the way
    #[arg(long, value_enum, default_value_t = ScheduleName::Constant)]
    schedule: ScheduleName,
    /// How unlabeled crops are drawn
    #[arg(long, value_enum, default_value_t = Sampling::Nested)]
    pu_sampling: Sampling,
    /// What is minimised [default: mse; of stardist3d bce, beside the error of its distances]
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    /// With --loss nn-pu: the part of unlabeled voxels that belong to events [default: what the validation recordings have
    /// more than is known of the others]
    #[arg(long, value_name = "X")]
    class_prior: Option<f64>,
    /// With --loss soft-labels: how far the network's own word counts where nothing is known
    #[arg(long, value_name = "X", default_value_t = 0.5)]
    trust: f64,
    /// How crops are varied
    #[arg(long, value_enum, default_value_t = Variation::Full)]
    augment: Variation,
    /// Steps between validations on whole recordings; 0 validates at the end only
    #[arg(long, value_name = "N", default_value_t = 1000)]
    validate_every: usize,
    /// Steps between checkpoints
    #[arg(long, value_name = "N", default_value_t = 200)]
    checkpoint_every: usize,
}

/// A network that learns from training files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Model {
    Unet3d,
    Unet3dPublished,
    AttentionUnet,
    Unetr,
    Unet2d,
    Stardist3d,
    Stardist3dPublished,
}

impl Model {
    /// What is minimised unless told otherwise: as published.
    fn loss(self) -> LossName {
        match self {
            Self::Unet3d | Self::Unet3dPublished | Self::AttentionUnet | Self::Unetr | Self::Unet2d => LossName::Mse,
            Self::Stardist3d | Self::Stardist3dPublished => LossName::Bce,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sampling {
    /// Centred on the foreground, away from known events, each ratio contained in the larger ones
    Nested,
    /// The published rule
    Paper,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScheduleName {
    /// Not at all, as published
    Constant,
    /// Down to nothing along half a cosine
    Cosine,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LossName {
    /// Mean squared error, as published
    Mse,
    /// Binary cross-entropy
    Bce,
    /// Binary cross-entropy and Dice
    DiceBce,
    /// Non-negative risk of positive and unlabeled data
    NnPu,
    /// Binary cross-entropy with the network's own word, on the mirrored crop, where nothing is known
    SoftLabels,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Variation {
    /// Not at all
    None,
    /// Mirrored in y, in x, or not, as published
    Paper,
    /// Mirrored, axes exchanged, brightened
    Full,
}

impl Voxels {
    fn run(&self, model: Model) -> anyhow::Result<TrainRun> {
        if let Some(path) = &self.files.config {
            return Ok(TrainRun::read(path)?);
        }
        let mut run = self.training.run(model, self.files.data.clone().unwrap_or_default());
        (run.train.pu_ratio, run.train.seed) = (self.pu_ratio, self.seed);
        run.subset = Subset { part: self.subset, draw: self.subset_draw };
        Ok(run)
    }
}

impl Training {
    /// The training of this network on all recordings of this file.
    pub(crate) fn run(&self, model: Model, data: PathBuf) -> TrainRun {
        let crop = if matches!(model, Model::Unet2d) { [1, self.crop, self.crop] } else { [self.crop; 3] };
        let architecture = match model {
            Model::Unet3d => Architecture::Unet3d(UNet3dConfig::sparks()),
            Model::Unet3dPublished => Architecture::Unet3d(UNet3dConfig::published()),
            Model::AttentionUnet => Architecture::AttentionUnet(AttentionUNetConfig::default()),
            Model::Unetr => Architecture::Unetr(UnetrConfig { window: crop, ..UnetrConfig::default() }),
            Model::Unet2d => Architecture::Unet2d(UNet2dConfig::frames()),
            Model::Stardist3d => Architecture::Stardist3d(StarDist3dConfig::sparks()),
            Model::Stardist3dPublished => Architecture::Stardist3d(StarDist3dConfig::published()),
        };
        let train = TrainConfig {
            steps: self.steps,
            batch: self.batch,
            crop,
            learning_rate: self.learning_rate,
            schedule: match self.schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine,
            },
            loss: match self.loss.unwrap_or(model.loss()) {
                LossName::Mse => Loss::Mse,
                LossName::Bce => Loss::Bce,
                LossName::DiceBce => Loss::DiceBce,
                LossName::NnPu => Loss::NnPu { prior: self.class_prior },
                LossName::SoftLabels => Loss::SoftLabels { trust: self.trust },
            },
            pu_sampling: match self.pu_sampling {
                Sampling::Nested => PuSampling::Nested,
                Sampling::Paper => PuSampling::Paper,
            },
            augment: match self.augment {
                Variation::None => Augment::None,
                Variation::Paper => Augment::Paper,
                Variation::Full => Augment::Full,
            },
            ..TrainConfig::default()
        };
        TrainRun {
            data,
            validate_every: self.validate_every,
            checkpoint_every: self.checkpoint_every,
            architecture,
            subset: Subset::default(),
            train,
        }
    }
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.network {
        Network::Unet3d(args) => train(Model::Unet3d, args),
        Network::Unet3dPublished(args) => train(Model::Unet3dPublished, args),
        Network::AttentionUnet(args) => train(Model::AttentionUnet, args),
        Network::Unetr(args) => train(Model::Unetr, args),
        Network::Unet2d(args) => train(Model::Unet2d, args),
        Network::Stardist3d(args) => train(Model::Stardist3d, args),
        Network::Stardist3dPublished(args) => train(Model::Stardist3dPublished, args),
        Network::MaskTrack(args) => mask_track::execute(args),
        Network::Sam2(args) => sam2::execute(args),
    }
}

fn train(model: Model, args: &Voxels) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let (out, existing) = (&args.files.out.out, args.files.out.existing.existing());
    let trained = sparkwave::train::run(&args.run(model)?, out, existing, args.running.compute(), &terminal);
    terminal.finish();
    let trained = trained?;
    let best = trained.best.as_ref();
    if args.running.json {
        output::json(&serde_json::json!({
            "out": out, "loss": trained.loss,
            "average_precision": best.and_then(|b| b.average_precision),
            "f1": best.and_then(|b| b.f1), "threshold": best.and_then(|b| b.threshold), "step": best.map(|b| b.step),
        }));
        return Ok(());
    }
    let model = out.join("best.safetensors");
    let number = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.3}"));
    match best {
        Some(b) => output::line(&format!(
            "{}: average precision {} and F1 {} on validation recordings after {} steps",
            model.display(),
            number(b.average_precision),
            number(b.f1),
            b.step
        )),
        None => output::line(&format!("{} (no validation recordings)", model.display())),
    }
    Ok(())
}
