//! The bins that wait to be averaged, and the planes that their means are written into.
//!
//! A number of planes goes round: a thread takes the next bin together with an empty plane, the writer gives the plane back
//! once it is written. So memory is bounded, no thread waits for the end of another's bin, and the bin that the writer
//! waits for always has its plane.

use ndarray::Array3;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::MovieShape;
use sparkwave_imgproc::seconds::Bin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of all planes: what the threads average while the writer waits for the disk.
const PLANE_BYTES: usize = 1 << 25;
/// Most planes, however small they are.
const MAX_PLANES: usize = 64;

/// Bins and planes, shared by the threads of a pass.
pub(super) struct Queue<'a> {
    bins: &'a [Bin],
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The bin that is taken next.
    next: usize,
    /// The plane that came back last is taken first: it may still be in a cache.
    planes: Vec<Array3<f32>>,
}

impl<'a> Queue<'a> {
    /// The bins from `first` on, and planes of the size of `frame`.
    pub(super) fn new(bins: &'a [Bin], first: usize, frame: MovieShape) -> Self {
        let fitting = PLANE_BYTES / (4 * frame.frame_len()).max(1);
        let n_planes = fitting.min(MAX_PLANES).max(rayon::current_num_threads() + 2);
        let planes = vec![Array3::zeros((1, frame.height, frame.width)); n_planes.min(bins.len() - first)];
        Self { bins, state: Mutex::new(State { next: first, planes }), changed: Condvar::new() }
    }

    /// Number of all bins, those before the first included.
    pub(super) fn n_bins(&self) -> usize {
        self.bins.len()
    }

    /// The frames of a bin.
    pub(super) fn frames(&self, bin: usize) -> Span {
        self.bins[bin].frames
    }

    /// The next bin and a plane for it, as soon as there is one; `None` if there is no other bin.
    pub(super) fn take(&self) -> Option<(usize, Array3<f32>)> {
        let waits = |state: &mut State| state.planes.is_empty() && state.next < self.bins.len();
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if state.next >= self.bins.len() {
            return None;
        }
        let plane = state.planes.pop()?;
        state.next += 1;
        Some((state.next - 1, plane))
    }

    /// Takes back a plane that is written.
    pub(super) fn give_back(&self, plane: Array3<f32>) {
        self.lock().planes.push(plane);
        self.changed.notify_one();
    }

    /// When the result is dropped, nobody gets another bin. A thread leaves for one of three reasons: there are no more
    /// bins, it failed, or another did; so all may go.
    pub(super) fn end(&self) -> impl Drop + use<'_, 'a> {
        End(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct End<'q, 'a>(&'q Queue<'a>);

impl Drop for End<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().next = self.0.bins.len();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(n: usize) -> Vec<Bin> {
        (0..n).map(|i| Bin { start_s: i as f64, frames: Span::new(i, i + 1), n_missing: 0 }).collect()
    }

    #[test]
    fn bins_come_in_order_and_planes_go_round() {
        let bins = bins(200);
        let queue = Queue::new(&bins, 3, MovieShape { n_frames: 200, height: 2, width: 3 });
        for expected in 3..200 {
            let (bin, plane) = queue.take().expect("a bin");
            assert_eq!((bin, plane.dim()), (expected, (1, 2, 3)));
            queue.give_back(plane);
        }
        assert!(queue.take().is_none());
    }

    #[test]
    fn who_waits_for_a_plane_goes_when_another_leaves() {
        let bins = bins(200);
        let queue = Queue::new(&bins, 0, MovieShape { n_frames: 200, height: 2, width: 3 });
        std::thread::scope(|scope| {
            let end = queue.end();
            let taken: Vec<_> = (0..MAX_PLANES).map(|_| queue.take().expect("a plane")).collect();
            let waiting = scope.spawn(|| queue.take().is_none());
            drop(end);
            assert!(waiting.join().expect("no panic"));
            drop(taken);
        });
    }
}
