//! One event as a strip of frames: small enough to put thousands of them into a page.

use super::Clip;
use super::bitmap;
use super::gray::Window;
use super::palette;
use ndarray::Axis;

/// Frames in a strip.
pub(super) const N_FRAMES: usize = 8;
/// Frames shown before and after the event where there is room.
const CONTEXT: usize = 2;
/// Columns between two frames, rows below them.
const GAP: usize = 2;
/// Gray levels: with two colours they fill 4 bits. Shot noise of these movies is wider than a level.
const N_GRAYS: usize = 14;
const OUTLINE: u8 = N_GRAYS as u8;
const PEAK: u8 = N_GRAYS as u8 + 1;
const WHITE: u8 = 0;

/// One PNG: at most 8 frames of the clip around the event's peak, inverted gray, the event's mask outlined in each frame
/// and the peak frame underlined. 4 bits a pixel: a 48 x 48 clip takes about 8 kB. A clip without pixels gives one white
/// pixel.
pub fn event_crop(clip: &Clip) -> Vec<u8> {
    let (n_frames, height, width) = clip.pixels.dim();
    let frames = strip_frames(clip);
    if n_frames == 0 || height == 0 || width == 0 {
        return encode(1, 1, &[WHITE]);
    }
    let strip_width = frames.len() * (width + GAP) - GAP;
    let strip_height = height + GAP;
    let mut strip = vec![WHITE; strip_width * strip_height];
    let window = clip_window(clip);
    for (i, &frame) in frames.iter().enumerate() {
        let pixels = clip.pixels.index_axis(Axis(0), frame);
        let left = i * (width + GAP);
        for ((y, x), &value) in pixels.indexed_iter() {
            let gray = (window.position(value) * (N_GRAYS - 1) as f32).round() as u8;
            strip[y * strip_width + left + x] = if is_rim(clip, frame, y, x) { OUTLINE } else { gray };
        }
        if clip.first_frame + frame == clip.peak_frame {
            for y in height..strip_height {
                strip[y * strip_width + left..][..width].fill(PEAK);
            }
        }
    }
    encode(strip_width, strip_height, &strip)
}

/// The clip's frames to show, at most 8, as indices into the clip: the event with a little context, evenly spaced if it
/// is long, the peak always among them.
pub(super) fn strip_frames(clip: &Clip) -> Vec<usize> {
    let n_frames = clip.pixels.dim().0;
    if n_frames <= N_FRAMES {
        return (0..n_frames).collect();
    }
    let local = |frame: usize| frame.saturating_sub(clip.first_frame).min(n_frames - 1);
    let (start, end) = clip.event_frames();
    let peak = local(clip.peak_frame);
    let first = local(start).min(peak).saturating_sub(CONTEXT);
    let last = (local(end.saturating_sub(1)).max(peak) + CONTEXT).min(n_frames - 1);
    let stride = (last - first + 1).div_ceil(N_FRAMES).max(1);
    // Whole strides from the peak, so that it is shown; moved back where the clip ends early.
    let room = (n_frames - 1 - peak) / stride;
    let wanted = (peak - first).div_ceil(stride).min(N_FRAMES - 1);
    let n_before = wanted.max((N_FRAMES - 1).saturating_sub(room)).min(peak / stride);
    let begin = peak - n_before * stride;
    (0..N_FRAMES).map(|i| begin + i * stride).filter(|&t| t < n_frames).collect()
}

/// Contrast of a clip: its darkest quarter becomes white, its brightest thousandth black.
pub(super) fn clip_window(clip: &Clip) -> Window {
    Window::of(&clip.pixels, 0.25, 0.999)
}

/// The pixels `(y, x)` of the mask in one frame of the clip.
pub(super) fn mask_pixels(clip: &Clip, frame: usize) -> Vec<(u32, u32)> {
    let Some(mask) = clip.mask.axis_iter(Axis(0)).nth(frame) else { return Vec::new() };
    mask.indexed_iter().filter(|&(_, &inside)| inside).map(|((y, x), _)| (y as u32, x as u32)).collect()
}

/// True for pixels outside the mask that touch it by an edge, so that the event itself stays visible.
fn is_rim(clip: &Clip, frame: usize, y: usize, x: usize) -> bool {
    let inside = |y: Option<usize>, x: Option<usize>| match (y, x) {
        (Some(y), Some(x)) => clip.mask.get((frame, y, x)).copied().unwrap_or(false),
        _ => false,
    };
    let (up, left) = (y.checked_sub(1), x.checked_sub(1));
    !inside(Some(y), Some(x))
        && (inside(up, Some(x))
            || inside(Some(y + 1), Some(x))
            || inside(Some(y), left)
            || inside(Some(y), Some(x + 1)))
}

/// Writes palette indices, one a byte, as a 4-bit PNG.
fn encode(width: usize, height: usize, indices: &[u8]) -> Vec<u8> {
    let packed: Vec<u8> = indices
        .chunks_exact(width)
        .flat_map(|row| row.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)))
        .collect();
    let gray = |i: usize| [(255.0 * (1.0 - i as f64 / (N_GRAYS - 1) as f64)).round() as u8; 3];
    let mut colors: Vec<u8> = (0..N_GRAYS).flat_map(gray).collect();
    colors.extend(palette::VERMILLION);
    colors.extend(palette::BLUE);
    let mut header = png::Info::with_size(width as u32, height as u32);
    header.color_type = png::ColorType::Indexed;
    header.bit_depth = png::BitDepth::Four;
    header.palette = Some(colors.into());
    bitmap::encode(header, &packed, png::Filter::NoFilter, png::Compression::High)
}
