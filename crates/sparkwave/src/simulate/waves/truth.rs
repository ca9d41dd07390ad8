//! `truth.json`: what is true of a simulated recording of waves.

use crate::error::Error;
use crate::run_folder::RunFolder;
use serde_json::{Value, json};
use sparkwave_core::axes::PointYx;
use sparkwave_core::synth::WavesScene;
use sparkwave_core::synth::waves::{INTERVAL_S, MASK_FRACTION, TrueWave};
use sparkwave_core::wave::Side;

/// Writes the file. Times are s since the first frame, frames are intervals, spans half-open.
pub(super) fn write(scene: &WavesScene, n_frames: usize, folder: &RunFolder) -> Result<(), Error> {
    let params = scene.params();
    let midline = scene.cortex().midline.map(|line| json!({"from": point(line.from), "to": point(line.to)}));
    let absent = scene.frames_per_second().iter().enumerate().filter(|(_, n)| **n == 0).map(|(second, _)| second);
    let episode = |e: &sparkwave_core::synth::waves::TrueEpisode| {
        json!({
            "episode_id": e.id, "start_frame": e.start_frame, "end_frame": e.end_frame,
            "start_s": e.start_s, "end_s": e.end_s, "n_waves": e.waves.len(), "waves": e.waves,
        })
    };
    let interval =
        |i: &sparkwave_core::wave::Interval| json!({"t_start_s": i.start_s, "t_end_s": i.end_s, "valid": i.valid});
    let truth = json!({
        "recording": {
            "n_frames": n_frames, "height": params.height, "width": params.width, "duration_s": params.duration_s,
            "frame_rate_hz": params.frame_rate_hz, "pixel_size_um": params.pixel_size_um(),
            "started_s": params.started_s, "seconds_without_frames": absent.collect::<Vec<_>>(), "seed": scene.seed(),
            "noise": params.noise, "motion_rms_px": params.motion_rms_px,
        },
        "midline_px": midline,
        "interval_s": INTERVAL_S,
        "mask_fraction": MASK_FRACTION,
        "intervals": scene.intervals().iter().map(interval).collect::<Vec<_>>(),
        "episodes": scene.episodes().iter().map(episode).collect::<Vec<_>>(),
        "waves": scene.waves().iter().map(|w| wave(scene, w)).collect::<Vec<_>>(),
    });
    // A value made of numbers, texts and lists always has a text.
    folder.write("truth.json", format!("{truth:#}\n").as_bytes())
}

fn wave(scene: &WavesScene, wave: &TrueWave) -> Value {
    let mm2 = (scene.params().pixel_size_um() / 1000.0).powi(2);
    let frames: Vec<Value> =
        wave.frames.iter().map(|f| json!({"frame": f.frame, "area_mm2": f.mask.n_pixels() as f64 * mm2})).collect();
    let course = wave.plan.course;
    json!({
        "wave_id": wave.id,
        "episode_id": wave.episode_id,
        "side": if wave.plan.side == Side::Left { "left" } else { "right" },
        "origin_y_px": wave.origin_px.y,
        "origin_x_px": wave.origin_px.x,
        "origin_y_mm": wave.origin_mm.y,
        "origin_x_mm": wave.origin_mm.x,
        "start_s": wave.start_s,
        "end_s": wave.end_s,
        "start_frame": wave.frames.first().map(|f| f.frame),
        "end_frame": wave.frames.last().map(|f| f.frame + 1),
        "speed_mm_min": wave.speed_mm_min,
        "cover_area_mm2": wave.cover_area_mm2,
        "peak_drr_pct": 100.0 * wave.peak_drr,
        "peak_rise_pct": 100.0 * wave.peak_rise_drr,
        "course": {
            "dip_s": course.dip_s, "dip": course.dip, "rise_s": course.rise_s, "fall_s": course.fall_s,
            "undershoot": course.undershoot, "recovery_s": course.recovery_s,
        },
        "frames": frames,
    })
}

fn point(at: PointYx) -> Value {
    json!({"y": at.y, "x": at.x})
}
