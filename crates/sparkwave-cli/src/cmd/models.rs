//! `sparkwave models`

use crate::output;
use crate::progress::Terminal;
use sparkwave::models::{self, Import, Model, PUBLISHED, Published, SHIPPED};
use sparkwave::propagate::EMBEDDED;
use std::path::{Path, PathBuf};

/// Look at networks, and bring them in and out
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    /// Print the result as one JSON object on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The models that come with the program, and those that can be got
    List,
    /// Download a published model, and check that it is the one that its authors published
    ///
    /// A download that was broken off goes on where it ended. This is the only command that uses the network.
    Get {
        /// A published model of `models list`
        #[arg(value_name = "NAME")]
        name: PathBuf,
        /// Folder for the file [default: sparkwave/models among your data, where `propagate --model NAME` finds it]
        #[arg(short, long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Get it from here instead: http:// or https://
        #[arg(long, value_name = "URL")]
        from: Option<String>,
        /// No progress on stderr
        #[arg(long)]
        quiet: bool,
    },
    /// The card of a model: what it is, how it was made, what it is good for
    Show {
        /// `unet`, or a file of a model with a card
        #[arg(value_name = "MODEL")]
        model: PathBuf,
    },
    /// Give a checkpoint of another program a card, change a card, or take in a published model that is here already
    ///
    /// Reads PyTorch .pt, of which no code is run, Keras .h5 and .safetensors.
    Import(ImportArgs),
    /// Write a model to a file: .safetensors, or .onnx for other programs to run
    Export {
        /// `unet`, or a file of a model with a card
        #[arg(value_name = "MODEL")]
        model: PathBuf,
        /// The file
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check that a model is whole and still answers as its card says, or is the one that its authors published
    Verify {
        /// `unet`, a file of a model with a card, or a published model of `models list` that is here
        #[arg(value_name = "MODEL")]
        model: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// The checkpoint
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The model; without, FILE must be a published one of `models list`, and is put where `models get` would
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Its name [default: that of its card, else of the file]
    #[arg(long, requires = "out")]
    name: Option<String>,
    /// How movies were normalised for it [default: that of its card, else published-global]
    #[arg(long, value_name = "NAME", requires = "out", value_parser = ["published-global", "dff-over-noise"])]
    normalisation: Option<String>,
    /// Lowest peak probability of an event, 0 to 1
    #[arg(long, value_name = "X", requires = "out")]
    threshold: Option<f64>,
    /// Under which terms it may be used
    #[arg(long, value_name = "TEXT", requires = "out")]
    licence: Option<String>,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::List => list(args.json),
        What::Get { name, out, from, quiet } => {
            let published = Published::named(name).ok_or_else(|| sparkwave::Error::Parameter {
                name: "NAME",
                expected: "a published model of `sparkwave models list`",
                found: name.display().to_string(),
            })?;
            let terminal = Terminal::new(*quiet);
            let got = published.get(from.as_deref(), out.as_deref(), &terminal);
            terminal.finish();
            say_here(published, &got?, args.json);
            Ok(())
        }
        What::Show { model } => show(&Model::open(model)?, args.json),
        What::Import(import) => {
            let Some(out) = &import.out else {
                let (published, path) = Published::take(&import.file, None)?;
                say_here(published, &path, args.json);
                return Ok(());
            };
            let request = Import {
                name: import.name.clone(),
                normalisation: import.normalisation.clone(),
                threshold: import.threshold,
                licence: import.licence.clone(),
            };
            show(&models::import(&import.file, &request, out)?, args.json)
        }
        What::Export { model, out } => {
            let model = Model::open(model)?;
            models::export(&model, out)?;
            say(args.json, &serde_json::json!({"out": out}), &format!("{} in {}", model.card.name, out.display()));
            Ok(())
        }
        What::Verify { model } => {
            let (sha256, probed, told) = match Published::named(model).filter(|_| !model.exists()) {
                Some(published) => {
                    published.verify(&models::locate(model)?)?;
                    (published.sha256.to_owned(), false, "as its authors published it")
                }
                None => {
                    let opened = Model::open(model)?;
                    let probed = opened.verify()?.probed;
                    let told = if probed { "answers as its card says" } else { "its card notes no answer to check" };
                    (opened.sha256, probed, told)
                }
            };
            let json = serde_json::json!({"sha256": sha256, "probed": probed});
            say(args.json, &json, &format!("{}: whole; {told}", model.display()));
            Ok(())
        }
    }
}

/// Tells where a published model lies.
fn say_here(published: &Published, path: &Path, json: bool) {
    let object = serde_json::json!({"name": published.name, "path": path, "sha256": published.sha256});
    say(json, &object, &format!("{} in {}", published.name, path.display()));
}

fn say(json: bool, object: &serde_json::Value, line: &str) {
    if json {
        output::json(object);
    } else {
        output::line(line);
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for shipped in SHIPPED {
        let model = shipped.open()?;
        let n = model.n_parameters();
        all.push(serde_json::json!({"name": shipped.name, "purpose": shipped.purpose, "n_parameters": n}));
        if !json {
            output::line(&format!("{}: {}, {n} parameters", shipped.name, shipped.purpose));
        }
    }
    let purpose = "follows what is pointed at through a movie; the default of `propagate`";
    all.push(serde_json::json!({"name": EMBEDDED, "purpose": purpose}));
    if !json {
        output::line(&format!("{EMBEDDED}: {purpose}"));
    }
    for published in PUBLISHED {
        let Published { name, purpose, n_bytes, licence, .. } = published;
        let path = published.path();
        if !json {
            let here = path.as_ref().map_or_else(
                || format!("{} MB, `sparkwave models get {name}` downloads it", n_bytes / 1_000_000),
                |path| format!("here: {}", path.display()),
            );
            output::line(&format!("{name}: {purpose}; {licence}; {here}"));
        }
        all.push(serde_json::json!({
            "name": name, "purpose": purpose, "n_bytes": n_bytes, "licence": licence, "path": path,
            "url": published.url, "sha256": published.sha256,
        }));
    }
    if json {
        output::json(&serde_json::json!({"models": all}));
    }
    Ok(())
}

fn show(model: &Model, json: bool) -> anyhow::Result<()> {
    let card = &model.card;
    if json {
        let n_parameters = model.n_parameters();
        let (sha256, n_bytes) = (&model.sha256, model.n_bytes);
        let card = serde_json::to_value(card)?;
        output::json(&serde_json::json!({
            "card": card, "n_parameters": n_parameters, "sha256": sha256, "n_bytes": n_bytes
        }));
        return Ok(());
    }
    let unknown = || "unknown".to_owned();
    let scores: Vec<String> = card.scores.iter().map(|(name, score)| format!("{name} {score:.3}")).collect();
    let lines = [
        ("name", card.name.clone()),
        ("network", format!("{}, {} parameters", card.architecture.name(), model.n_parameters())),
        ("shape", serde_json::to_string(&card.architecture)?),
        ("input", card.normalisation.clone()),
        ("threshold", card.threshold.map_or_else(unknown, |t| t.to_string())),
        ("scores", if scores.is_empty() { unknown() } else { scores.join(", ") }),
        ("steps", card.steps.to_string()),
        ("training", card.training.as_ref().map_or_else(|| Ok(unknown()), serde_json::to_string)?),
        ("trained on", if card.trained_on.is_empty() { unknown() } else { card.trained_on.join(", ") }),
        ("made by", card.version.clone()),
        ("licence", card.licence.clone().unwrap_or_else(unknown)),
        ("sha256", model.sha256.clone()),
        ("bytes", model.n_bytes.to_string()),
    ];
    lines.iter().for_each(|(name, value)| output::line(&format!("{name:>10}  {value}")));
    Ok(())
}
