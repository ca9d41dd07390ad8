//! What is true of every transient, and which voxels are its.

use super::footprint::Footprint;
use super::params::SparksParams;
use super::plan::{Plan, Planned};
use super::transient::EventKind;
use crate::axes::{PointYx, Span, Voxel};
use crate::table::{Table, Value};
use ndarray::Array2;

/// A voxel belongs to a transient where its own noise-free dF/F0 is at least this.
pub const LABEL_MIN_DFF: f32 = 0.1;
/// A voxel belongs to a transient where its own noise-free dF/F0 is at least this part of the transient's peak.
pub const LABEL_FRACTION: f32 = 0.25;
/// Transients of one site that follow each other faster than this form a burst, in s.
const BURST_GAP_S: f64 = 1.5;
/// Transients with fewer voxels in their peak frame are not made.
const FEWEST_PX: usize = 4;
/// Peak dF/F0 over the noise of a single pixel, below which a transient is called dim (the detection threshold of the
/// paper's annotator, section 2.4).
const DIM_SNR: f32 = 4.0;

/// The truth about one transient.
#[derive(Clone, Debug, PartialEq)]
pub struct TrueEvent {
    /// 1-based, in order of peak frame; the value of its voxels in the labels.
    pub event_id: u32,
    /// Where and when its own noise-free dF/F0 is largest, reference coordinates.
    pub peak: Voxel,
    /// Mean position of its voxels in the peak frame, weighted by dF/F0, in pixels, reference coordinates.
    pub centroid: PointYx,
    /// Frames in which it has voxels.
    pub frames: Span,
    /// Largest dF/F0 of any pixel, noise-free; at least 0.12.
    pub peak_dff: f32,
    /// dF/F0 in the peak frame as the paper's evaluation measures it, noise-free: the mean of 5 x 5 pixels around the
    /// centroid, camera offset and other light left in F0. Smaller than `peak_dff`.
    pub window_dff: f32,
    /// Peak dF/F0 over the standard deviation that the camera gives dF/F0 of the peak pixel at rest.
    pub peak_snr: f32,
    /// Time constant of its decay, in s.
    pub tau_s: f64,
    /// Onset, in s from the start of frame 0.
    pub onset_s: f64,
    /// Voxels in the peak frame.
    pub area_px: u32,
    /// Voxels in all frames.
    pub n_voxels: u32,
    /// Its shape.
    pub kind: EventKind,
    /// 1-based number of its burst; `None` if no other transient of its site starts within 1.5 s.
    pub burst_id: Option<u32>,
    /// True if `peak_snr` is below 4.
    pub dim: bool,
    /// 1-based number of its site.
    pub site_id: u32,
}

/// One labelled pixel of a frame.
struct LabelPixel {
    y: u32,
    x: u32,
    dff: f32,
    event: u32,
}

/// Events that add light in every frame, as indices.
pub(super) fn active(n_frames: usize, events: &[Planned]) -> Vec<Vec<u32>> {
    let mut active = vec![Vec::new(); n_frames];
    for (i, event) in events.iter().enumerate() {
        for list in &mut active[event.frames.range()] {
            list.push(i as u32);
        }
    }
    active
}

/// Calls `visit(y, x, dff)` for the pixels of the field where `event` has light in frame `t`.
pub(super) fn visit_dff(
    event: &Planned,
    footprint: &Footprint,
    t: usize,
    interval_s: f64,
    mut visit: impl FnMut(u32, u32, f32),
) {
    let start = t as f64 * interval_s;
    let at_once = event.strength * event.course.mean(start, interval_s, 0.0);
    for pixel in &footprint.pixels {
        let strength = if pixel.lag > 0.0 {
            event.strength * event.course.mean(start, interval_s, f64::from(pixel.lag))
        } else {
            at_once
        };
        visit(pixel.y, pixel.x, (strength * f64::from(pixel.dff)) as f32);
    }
}

fn label_pixels(plan: &Plan, active: &[u32], t: usize, interval_s: f64) -> Vec<LabelPixel> {
    let mut pixels = Vec::new();
    for &i in active {
        let event = &plan.events[i as usize];
        let lowest = LABEL_MIN_DFF.max(LABEL_FRACTION * event.peak_dff);
        visit_dff(event, &plan.footprints[event.footprint], t, interval_s, |y, x, dff| {
            if dff >= lowest {
                pixels.push(LabelPixel { y, x, dff, event: i });
            }
        });
    }
    pixels.sort_by(|a, b| (a.y, a.x).cmp(&(b.y, b.x)).then(b.dff.total_cmp(&a.dff)).then(a.event.cmp(&b.event)));
    pixels.dedup_by_key(|p| (p.y, p.x));
    pixels
}

/// The labels of frame `t`: ids of the events that own the pixels, 0 elsewhere.
pub(super) fn labels(params: &SparksParams, plan: &Plan, active: &[u32], t: usize) -> Array2<u32> {
    let mut labels = Array2::zeros((params.height, params.width));
    for p in label_pixels(plan, active, t, params.frame_interval_s) {
        labels[[p.y as usize, p.x as usize]] = p.event + 1;
    }
    labels
}

/// Removes transients that nobody could see because others cover them, orders the rest by peak frame, and measures them.
///
/// `rest(voxel)` is the light of a pixel at rest in that frame, in photoelectrons.
pub(super) fn settle(params: &SparksParams, mut plan: Plan, rest: impl Fn(Voxel) -> f32) -> (Plan, Vec<TrueEvent>) {
    let order = |plan: &mut Plan| {
        let footprints = &plan.footprints;
        plan.events.sort_by_key(|e| {
            let pixel = &footprints[e.footprint].pixels[e.peak_pixel];
            (e.peak_frame, pixel.y, pixel.x)
        });
    };
    order(&mut plan);
    loop {
        let measured = measure(params, &plan);
        if measured.iter().all(|m| m.area_px >= FEWEST_PX) {
            let bursts = bursts(&plan.events);
            let truth = (0u32..).zip(&plan.events).zip(measured).zip(bursts);
            let truth = truth
                .map(|(((i, event), measured), burst_id)| {
                    let pixel = &plan.footprints[event.footprint].pixels[event.peak_pixel];
                    let peak = Voxel { t: event.peak_frame as u32, y: pixel.y, x: pixel.x };
                    let peak_snr = event.peak_dff / dff_noise(params, rest(peak));
                    TrueEvent {
                        event_id: i + 1,
                        peak,
                        centroid: measured.centroid,
                        frames: measured.frames,
                        peak_dff: event.peak_dff,
                        window_dff: window_dff(params, &plan, event, measured.centroid, &rest),
                        peak_snr,
                        tau_s: event.course.decay_s,
                        onset_s: event.course.onset_s,
                        area_px: measured.area_px as u32,
                        n_voxels: measured.n_voxels as u32,
                        kind: event.kind,
                        burst_id,
                        dim: peak_snr < DIM_SNR,
                        site_id: event.site as u32 + 1,
                    }
                })
                .collect();
            return (plan, truth);
        }
        // Every round removes at least one event, so the loop ends.
        let mut kept = measured.iter().map(|m| m.area_px >= FEWEST_PX);
        plan.events.retain(|_| kept.next().unwrap_or(false));
    }
}

/// Standard deviation of dF/F0 of a pixel with `electrons` expected photoelectrons.
fn dff_noise(params: &SparksParams, electrons: f32) -> f32 {
    params.camera.variance_counts2(electrons).sqrt() / (params.camera.gain_counts * electrons)
}

/// See [`TrueEvent::window_dff`].
fn window_dff(
    params: &SparksParams,
    plan: &Plan,
    event: &Planned,
    centroid: PointYx,
    rest: &impl Fn(Voxel) -> f32,
) -> f32 {
    const HALF: u32 = 2;
    let window = |c: f64, n: usize| {
        let c = c.round().max(0.0) as u32;
        c.saturating_sub(HALF)..(c + HALF + 1).min(n as u32)
    };
    let (rows, columns) = (window(centroid.y, params.height), window(centroid.x, params.width));
    let t = event.peak_frame as u32;
    let (mut counts, mut added) = (0.0, 0.0);
    for y in rows.clone() {
        for x in columns.clone() {
            counts += params.camera.mean_counts(rest(Voxel { t, y, x }));
        }
    }
    let footprint = &plan.footprints[event.footprint];
    visit_dff(event, footprint, event.peak_frame, params.frame_interval_s, |y, x, dff| {
        if rows.contains(&y) && columns.contains(&x) {
            added += dff * rest(Voxel { t, y, x }) * params.camera.gain_counts;
        }
    });
    added / counts
}

/// What the labels say of one event.
#[derive(Clone, Copy)]
struct Measured {
    n_voxels: usize,
    area_px: usize,
    centroid: PointYx,
    frames: Span,
}

impl Measured {
    const NOTHING: Self =
        Self { n_voxels: 0, area_px: 0, centroid: PointYx { y: 0.0, x: 0.0 }, frames: Span { start: 0, end: 0 } };
}

fn measure(params: &SparksParams, plan: &Plan) -> Vec<Measured> {
    let mut measured = vec![Measured::NOTHING; plan.events.len()];
    let mut mass = vec![0f64; plan.events.len()];
    for (t, active) in active(params.n_frames, &plan.events).iter().enumerate() {
        for p in label_pixels(plan, active, t, params.frame_interval_s) {
            let (i, dff) = (p.event as usize, f64::from(p.dff));
            let m = &mut measured[i];
            m.frames = if m.n_voxels == 0 { Span::new(t, t + 1) } else { Span::new(m.frames.start, t + 1) };
            m.n_voxels += 1;
            if plan.events[i].peak_frame == t {
                m.area_px += 1;
                m.centroid.y += dff * f64::from(p.y);
                m.centroid.x += dff * f64::from(p.x);
                mass[i] += dff;
            }
        }
    }
    for (m, mass) in measured.iter_mut().zip(mass).filter(|(_, mass)| *mass > 0.0) {
        m.centroid.y /= mass;
        m.centroid.x /= mass;
    }
    measured
}

/// Numbers the groups of transients of one site whose onsets follow each other within [`BURST_GAP_S`].
fn bursts(events: &[Planned]) -> Vec<Option<u32>> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    let onset = |i: usize| events[i].course.onset_s;
    order.sort_by(|&a, &b| events[a].site.cmp(&events[b].site).then(onset(a).total_cmp(&onset(b))));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for i in order {
        match groups.last_mut() {
            Some(group)
                if group
                    .last()
                    .is_some_and(|&j| events[j].site == events[i].site && onset(i) - onset(j) < BURST_GAP_S) =>
            {
                group.push(i);
            }
            _ => groups.push(vec![i]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups.sort_by_key(|group| group.iter().copied().min());
    let mut ids = vec![None; events.len()];
    for (id, group) in (1u32..).zip(groups) {
        for i in group {
            ids[i] = Some(id);
        }
    }
    ids
}

/// One row an event; see [`super::SparksScene::truth_table`].
pub(super) fn table(params: &SparksParams, truth: &[TrueEvent]) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&TrueEvent) -> Value| {
        table.push(name, truth.iter().map(value).collect());
    };
    let (um, dt) = (params.pixel_size_um, params.frame_interval_s);
    column("event_id", &|e| Value::Int(e.event_id.into()));
    column("t_frame", &|e| Value::Int(e.peak.t.into()));
    column("y_px", &|e| Value::float(e.centroid.y));
    column("x_px", &|e| Value::float(e.centroid.x));
    column("t_start_frame", &|e| Value::Int(e.frames.start as i64));
    column("t_end_frame", &|e| Value::Int(e.frames.end as i64));
    column("t_s", &|e| Value::float(f64::from(e.peak.t) * dt));
    column("y_um", &|e| Value::float(e.centroid.y * um));
    column("x_um", &|e| Value::float(e.centroid.x * um));
    column("peak_dff", &|e| Value::float(e.peak_dff));
    column("window_dff", &|e| Value::float(e.window_dff));
    column("peak_snr", &|e| Value::float(e.peak_snr));
    column("onset_s", &|e| Value::float(e.onset_s));
    column("tau_s", &|e| Value::float(e.tau_s));
    column("area_px", &|e| Value::Int(e.area_px.into()));
    column("area_um2", &|e| Value::float(f64::from(e.area_px) * um * um));
    column("n_voxels", &|e| Value::Int(e.n_voxels.into()));
    column("kind", &|e| Value::Text(e.kind.name().into()));
    column("burst_id", &|e| e.burst_id.map_or(Value::Empty, |id| Value::Int(id.into())));
    column("propagating", &|e| Value::Bool(e.kind == EventKind::Propagating));
    column("dim", &|e| Value::Bool(e.dim));
    column("site_id", &|e| Value::Int(e.site_id.into()));
    table
}
