//! The tracking video of an episode, frame by frame.
//!
//! Everything that stays the same during an episode is prepared once: the gray anatomy at the size of the video, the page
//! around it, isochrones. A frame then is a copy of the page, the rate map blended into the anatomy, and a few marks.

mod current;
mod published;

use super::super::canvas::{Canvas, Polyline, Rgb};
use super::super::{contour, raster};
use super::colors::table_index;
use super::map::FieldPanel;
use super::{ColorMap, Field, WaveTrack, anatomy_gray, maps};
use ndarray::{Array3, ArrayView1, ArrayView2};
use rayon::prelude::*;
use sparkwave_core::mask::Patch;
use sparkwave_core::wave::{Episode, Interval};
use std::ops::Range;
use tiny_skia::{Color, Pixmap};

/// How a video looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Masks, isochrones, the leading front and its way in the colour of each wave; clock, scale bar and colour bar beside
    /// the picture.
    #[default]
    Current,
    /// The texts and marks of the published program at their published places, all of them about the centroid of the mask:
    /// outline red, last step yellow, straight way green, path red. Colours are added to the gray without the overflow that
    /// turns them into yellow and white there, and lengths use the pixel size of the recording.
    Legacy,
}

/// What a tracking video shows.
#[derive(Clone, Copy, Debug)]
pub struct TrackingScene<'a> {
    /// The image plane.
    pub field: Field<'a>,
    /// The intervals of the recording.
    pub intervals: &'a [Interval],
    /// The episode.
    pub episode: &'a Episode,
    /// Its waves.
    pub waves: &'a [WaveTrack<'a>],
    /// When the first frame of the recording was taken, seconds since midnight of any day, if known.
    pub started_s: Option<f64>,
    /// The change at the ends of the colour scale, a fraction; the same for the whole recording.
    pub limit: f32,
    /// Colours of the rate.
    pub map: ColorMap,
    /// The look.
    pub look: Look,
    /// Longest side of the picture in the video, 64 to 4096 px (clamped); texts keep their proportion to it.
    pub image_px: usize,
}

/// A video, ready to be drawn frame by frame.
#[derive(Debug)]
pub struct TrackingVideo<'a> {
    scene: TrackingScene<'a>,
    waves: Vec<Prepared>,
    /// The outline of the window on the canvas.
    window: Vec<Polyline>,
    pub(super) layout: Layout,
    /// The page with everything that does not move.
    page: Pixmap,
    /// Anatomy at the size of the picture; row by row.
    ground: Vec<u8>,
    inside: Vec<bool>,
    /// One colour with its opacity for each step of the scale.
    table: Vec<(Rgb, f32)>,
    rows: Vec<Tap>,
    columns: Vec<Tap>,
}

/// What is drawn of a wave again and again.
#[derive(Debug)]
struct Prepared {
    arrival: Patch,
    isochrones: Vec<maps::Isochrone>,
}

/// Where things are. The unit of the canvas is `pixels_per_unit` pixels of the video.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) pixels_per_unit: f64,
    pub(super) plane: FieldPanel,
    /// The picture in pixels of the video.
    pub(super) left_px: usize,
    pub(super) top_px: usize,
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    /// The page in pixels of the video, both even.
    pub(super) page_px: (usize, usize),
}

/// The two source pixels between which a pixel of the video lies, and how far it is from the first to the second.
#[derive(Clone, Copy, Debug)]
struct Tap {
    first: usize,
    second: usize,
    part: f32,
}

impl Tap {
    fn nearest(self) -> usize {
        if self.part < 0.5 { self.first } else { self.second }
    }
}

impl<'a> TrackingVideo<'a> {
    /// Prepares the video of an episode.
    pub fn new(scene: TrackingScene<'a>) -> Self {
        let step = isochrone_step_s(&scene);
        let prepare = |track: &WaveTrack<'_>| Prepared {
            arrival: contour::smoothed(&track.wave.arrival_s),
            isochrones: maps::isochrone_lines(track, step),
        };
        let layout = match scene.look {
            Look::Current => current::layout(&scene),
            Look::Legacy => published::layout(&scene),
        };
        let (page_width, page_height) = layout.page_px;
        let mut page = Pixmap::new(page_width as u32, page_height as u32)
            .expect("the sides of the picture are clamped to 4096 px, the margins are in proportion to them");
        page.fill(Color::WHITE);
        let mut furniture = Canvas::new(0.0, 0.0);
        if scene.look == Look::Current {
            current::draw_page(&mut furniture, &scene, &layout, step);
        }
        raster::draw_marks(&mut page, &furniture.marks, layout.pixels_per_unit as f32);
        let (height, width) = scene.field.anatomy.dim();
        let (rows, columns) = (taps(height, layout.height_px), taps(width, layout.width_px));
        let gray = anatomy_gray(scene.field.anatomy, &scene.field.cortex.inside).mapv(f32::from);
        let gray = gray.view();
        let ground = picture(&rows, &columns, |row| {
            let row = Row::of(&gray, row);
            move |column| (row.at(column) + 0.5) as u8
        });
        let inside = picture(&rows, &columns, |row| {
            let y = row.nearest();
            move |column: Tap| scene.field.is_inside((y, column.nearest()))
        });
        let table = match scene.look {
            Look::Current => current::color_table(scene.map),
            Look::Legacy => published::color_table(),
        };
        let waves = scene.waves.iter().map(prepare).collect();
        let window = layout.plane.window(&scene.field);
        Self { scene, waves, window, layout, page, ground, inside, table, rows, columns }
    }

    /// Height and width of a frame, both even.
    pub fn size(&self) -> (usize, usize) {
        (self.layout.page_px.1, self.layout.page_px.0)
    }

    /// The intervals of the episode, one frame each.
    pub fn intervals(&self) -> Range<usize> {
        self.scene.episode.start_frame..self.scene.episode.end_frame.min(self.scene.intervals.len())
    }

    /// Draws the frame of an interval as 8-bit sRGB `[Y, X, 3]`.
    ///
    /// `rate` is the interval's map of relative changes `[Y, X]`; where it is not finite, or if it has not the size of the
    /// mean image, only anatomy is seen. Any interval of the recording may be drawn; one that does not exist has no time
    /// and no wave.
    pub fn frame(&self, interval: usize, rate: &ArrayView2<'_, f32>) -> Array3<u8> {
        let mut page = self.page.clone();
        self.draw_picture(&mut page, rate);
        let mut marks = Canvas::new(0.0, 0.0);
        match self.scene.look {
            Look::Current => current::draw(&mut marks, self, interval),
            Look::Legacy => published::draw(&mut marks, self, interval),
        }
        raster::draw_marks(&mut page, &marks.marks, self.layout.pixels_per_unit as f32);
        let (height, width) = self.size();
        let mut image = vec![0; 3 * height * width];
        for (to, from) in image.chunks_exact_mut(3).zip(page.data().chunks_exact(4)) {
            to.copy_from_slice(&from[..3]);
        }
        Array3::from_shape_vec((height, width, 3), image)
            .expect("a page has four bytes a pixel, of which three are kept")
    }

    fn draw_picture(&self, page: &mut Pixmap, rate: &ArrayView2<'_, f32>) {
        let is_known = rate.dim() == self.scene.field.anatomy.dim() && !rate.is_empty();
        let Layout { left_px, top_px, width_px, height_px, page_px, .. } = self.layout;
        let stride = 4 * page_px.0;
        let picture = page.data_mut().par_chunks_exact_mut(stride).skip(top_px).take(height_px).enumerate();
        picture.for_each(|(y, line)| {
            let row = is_known.then(|| Row::of(rate, self.rows[y]));
            let pixels = line[4 * left_px..4 * (left_px + width_px)].chunks_exact_mut(4);
            for (x, pixel) in pixels.enumerate() {
                let at = y * width_px + x;
                let below = self.ground.get(at).copied().unwrap_or(0);
                let row = row.as_ref().filter(|_| self.inside.get(at).copied().unwrap_or(false));
                let change = row.map_or(f32::NAN, |row| row.at(self.columns[x]));
                let color = table_index(change, self.scene.limit, self.table.len()).map(|i| self.table[i]);
                pixel[..3].copy_from_slice(&self.blend(below, color));
            }
        });
    }

    /// A colour of the scale over the anatomy. Halves are added and cut off: `round` would be a call for every pixel.
    fn blend(&self, below: u8, color: Option<(Rgb, f32)>) -> Rgb {
        let ground = f32::from(below);
        match (self.scene.look, color) {
            (Look::Current, None) => [below; 3],
            (Look::Current, Some((color, opacity))) => {
                color.map(|c| (ground + (f32::from(c) - ground) * opacity + 0.5) as u8)
            }
            // A number beyond 255 becomes 255.
            (Look::Legacy, None) => [(published::GROUND * ground + 0.5) as u8; 3],
            (Look::Legacy, Some((color, opacity))) => {
                color.map(|c| (published::GROUND * ground + opacity * f32::from(c) + 0.5) as u8)
            }
        }
    }
}

/// The two rows of an image between which a row of the video lies.
struct Row<'a> {
    upper: ArrayView1<'a, f32>,
    lower: ArrayView1<'a, f32>,
    part: f32,
}

impl<'a> Row<'a> {
    fn of(image: &'a ArrayView2<'_, f32>, tap: Tap) -> Self {
        Self { upper: image.row(tap.first), lower: image.row(tap.second), part: tap.part }
    }

    /// The value between four pixels; the nearest one where any of them is unknown.
    fn at(&self, tap: Tap) -> f32 {
        let along = |row: &ArrayView1<'_, f32>| {
            let (from, to) = (row[tap.first], row[tap.second]);
            from + (to - from) * tap.part
        };
        let (upper, lower) = (along(&self.upper), along(&self.lower));
        let value = upper + (lower - upper) * self.part;
        if value.is_finite() {
            return value;
        }
        let nearest = if self.part < 0.5 { &self.upper } else { &self.lower };
        nearest[tap.nearest()]
    }
}

/// A round step for isochrones that suits the longest wave.
fn isochrone_step_s(scene: &TrackingScene<'_>) -> f64 {
    let longest = |track: &WaveTrack<'_>| {
        track.wave.arrival_s.iter().map(|(_, t)| f64::from(t) - track.onset_s).fold(0.0, f64::max)
    };
    maps::isochrone_step_s(scene.waves.iter().map(longest).fold(0.0, f64::max))
}

/// Where each of `n_out` pixels lies among `n_in` that cover the same length; none if there is no source.
fn taps(n_in: usize, n_out: usize) -> Vec<Tap> {
    let Some(last) = n_in.checked_sub(1) else { return Vec::new() };
    let tap = |i: usize| {
        let at = ((i as f64 + 0.5) * n_in as f64 / n_out as f64 - 0.5).clamp(0.0, last as f64);
        let first = at.floor() as usize;
        Tap { first, second: (first + 1).min(last), part: (at - first as f64) as f32 }
    };
    (0..n_out).map(tap).collect()
}

/// Every pixel of the picture, row by row; `pixels` gives what makes the pixels of a row.
fn picture<T: Send, P: Fn(Tap) -> T>(rows: &[Tap], columns: &[Tap], pixels: impl Fn(Tap) -> P + Sync) -> Vec<T> {
    let line = |row: &Tap| {
        let pixel = pixels(*row);
        columns.iter().map(|&column| pixel(column)).collect::<Vec<T>>()
    };
    rows.par_iter().flat_map_iter(line).collect()
}

/// The picture's size in pixels for a longest side of `image_px`, each side at least 2 and even.
fn picture_px(field: &Field<'_>, image_px: usize) -> (usize, usize) {
    let (n_y, n_x) = field.size();
    let (height, width) = (n_y * field.scale().aspect(), n_x);
    let zoom = image_px.clamp(64, 4096) as f64 / height.max(width);
    let even = |length: f64| ((length * zoom / 2.0).round() as usize).max(1) * 2;
    (even(height), even(width))
}

/// The wall-clock time or, if that is unknown, the time since the first frame.
pub(super) fn clock(started_s: Option<f64>, t_s: f64) -> String {
    match started_s {
        Some(started) if (started + t_s).is_finite() => {
            let second = (started + t_s).rem_euclid(86_400.0) as u64;
            format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
        }
        _ => format!("{} s", super::super::axis::fixed(t_s, 0)),
    }
}
