//! Categories and subtypes crossed.

use super::{Categories, Category, Error, Link};
use crate::cross_table::CrossTable;

/// How many events of each category are of each of `k` subtypes: rows are [`Category::ALL`].
///
/// `before` and `after` have the 0-based subtype of each event, `None` for those without, which are not counted.
///
/// # Errors
/// [`Error::Subtypes`].
pub fn category_table(
    categories: &Categories,
    before: &[Option<usize>],
    after: &[Option<usize>],
    k: usize,
) -> Result<CrossTable, Error> {
    check(categories, before, after)?;
    let of_recording = |categories: &[Category], subtypes: &[Option<usize>]| {
        let row = |category: Category| Category::ALL.iter().position(|c| *c == category);
        let pairs = categories.iter().zip(subtypes).filter_map(|(category, subtype)| row(*category).zip(*subtype));
        pairs.collect::<Vec<_>>()
    };
    let pairs = [of_recording(&categories.before, before), of_recording(&categories.after, after)].concat();
    let rows = Category::ALL.map(|c| c.name().to_owned()).to_vec();
    Ok(CrossTable::count(rows, numbered(k), pairs))
}

/// Into which subtypes recurrent events turned: rows are the subtypes before, columns those after, and the row
/// proportions are what the publication draws (its figure 5g, where those above 20 % are shown). The column proportions
/// tell where the events after came from.
///
/// `links` decides what an event with several counterparts counts for, which the publication leaves open:
/// [`Categories::links`] counts every pair, so a burst many times, and [`Categories::nearest_links`] every event before
/// once. By the one-to-one rule both are the same. Links of which an event has no subtype are not counted.
///
/// # Errors
/// [`Error::Subtypes`].
pub fn association(
    categories: &Categories,
    links: &[Link],
    before: &[Option<usize>],
    after: &[Option<usize>],
    k: usize,
) -> Result<CrossTable, Error> {
    check(categories, before, after)?;
    let subtypes = |link: &Link| (*before.get(link.before)?).zip(*after.get(link.after)?);
    Ok(CrossTable::count(numbered(k), numbered(k), links.iter().filter_map(subtypes)))
}

fn numbered(k: usize) -> Vec<String> {
    (0..k).map(|subtype| subtype.to_string()).collect()
}

fn check(categories: &Categories, before: &[Option<usize>], after: &[Option<usize>]) -> Result<(), Error> {
    let lengths = [("before", categories.before.len(), before.len()), ("after", categories.after.len(), after.len())];
    match lengths.into_iter().find(|(_, expected, found)| expected != found) {
        Some((recording, expected, found)) => Err(Error::Subtypes { recording, expected, found }),
        None => Ok(()),
    }
}
