//! How much of its convex hull an event fills.
//!
//! As in scikit-image: the hull is that of the face centres of the voxels (points half a voxel from each centre along
//! each axis), and the hull's volume is the number of lattice points in it. Coordinates are doubled to stay integers.

use sparkwave_core::axes::Voxel;

use super::hull::{self, HalfSpace, Point};

/// Voxels over voxels of the convex hull, in (0, 1]; `None` for events in a plane of (t, y, x), so for all of a single
/// frame: the published measure is undefined there. Also `None` for an extent beyond 250,000 voxels, or beyond 4,000 in
/// two axes at once.
pub(super) fn of_voxels(voxels: &[Voxel]) -> Option<f64> {
    let corners = possible_corners(voxels.iter().map(|v| [i64::from(v.t), i64::from(v.y), i64::from(v.x)]).collect());
    if hull::rank(corners.iter().copied()) < 3 {
        return None;
    }
    let half_spaces = hull::half_spaces(&face_centres(&corners, &[0, 1, 2]))?;
    Some(voxels.len() as f64 / count_inside(&corners, &half_spaces)? as f64)
}

/// Pixels over pixels of the convex hull in the image plane, in (0, 1]; `None` without pixels, or for an extent beyond
/// 250,000.
pub(super) fn of_footprint(footprint: &[(u32, u32)]) -> Option<f64> {
    let corners = possible_corners(footprint.iter().map(|&(y, x)| [0, i64::from(y), i64::from(x)]).collect());
    if corners.is_empty() {
        return None;
    }
    let half_planes = hull::half_planes(&face_centres(&corners, &[1, 2]))?;
    Some(footprint.len() as f64 / count_inside(&corners, &half_planes)? as f64)
}

/// The voxels that can be corners of the hull, relative to the low corner of the bounding box.
fn possible_corners(voxels: Vec<Point>) -> Vec<Point> {
    let mut corners = hull::line_ends(voxels);
    let low = [0, 1, 2].map(|i| corners.iter().map(|p| p[i]).min().unwrap_or(0));
    corners.iter_mut().for_each(|p| (0..3).for_each(|i| p[i] -= low[i]));
    corners
}

/// Centres of the voxels' faces along the given axes, in half voxels, without those that cannot be corners.
fn face_centres(voxels: &[Point], axes: &[usize]) -> Vec<Point> {
    let centres = voxels.iter().flat_map(|voxel| {
        axes.iter().flat_map(move |&axis| {
            [-1, 1].map(|side| {
                let mut centre = voxel.map(|v| 2 * v);
                centre[axis] += side;
                centre
            })
        })
    });
    hull::line_ends(centres.collect())
}

/// Most lines of lattice points that are counted.
const MAX_LINES: i64 = 4_000 * 4_000;

/// How many lattice points lie in all half spaces (given in half voxels), within the bounding box of the corners, which
/// starts at the origin. `None` if that takes more than [`MAX_LINES`] lines along the longest axis.
fn count_inside(corners: &[Point], half_spaces: &[HalfSpace]) -> Option<u64> {
    let high = [0, 1, 2].map(|i| corners.iter().map(|p| p[i]).max().unwrap_or(0));
    let mut axes = [0, 1, 2];
    axes.sort_by_key(|&axis| high[axis]);
    let [u, v, along] = axes;
    if (high[u] + 1) * (high[v] + 1) > MAX_LINES {
        return None;
    }
    let mut count = 0;
    for a in 0..=high[u] {
        for b in 0..=high[v] {
            // On a line each half space leaves a ray, or all, or nothing.
            let (mut first, mut last) = (0, high[along]);
            for HalfSpace { normal, offset } in half_spaces {
                let room = offset - 2 * (normal[u] * a + normal[v] * b);
                let per_voxel = 2 * normal[along];
                match per_voxel.signum() {
                    1 => last = last.min(room.div_euclid(per_voxel)),
                    -1 => first = first.max(-room.div_euclid(-per_voxel)),
                    _ if room < 0 => last = first - 1,
                    _ => {}
                }
                if last < first {
                    break;
                }
            }
            count += u64::try_from(last - first + 1).unwrap_or(0);
        }
    }
    Some(count)
}
