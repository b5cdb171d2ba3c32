//! Finding the highest load at which something still holds, when each look is noisy.

/// A search for the load line: doubles from a first load until the target gives way, then halves the bracket (in
/// logarithms) until its ends are close. A load that gives way must do so twice, and inside the bracket a load must hold
/// twice too: the first verdict that comes twice counts (the best of three).
///
/// Wald's sequential test would decide sooner where the noise is known; here it is not, and windows are long.
#[derive(Debug, Clone)]
pub struct LoadLineSearch {
    options: SearchOptions,
    looks: Vec<Look>,
}

/// What a search starts from, and when it is content.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchOptions {
    /// First load.
    pub start: f64,
    /// Lowest load worth knowing.
    pub least: f64,
    /// Highest load worth trying.
    pub most: f64,
    /// The ends of the bracket may differ by this share of the lower one, for example 0.02.
    pub precision: f64,
    /// Whether loads are whole numbers, as users are.
    pub whole: bool,
}

/// One window at one load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The load.
    pub load: f64,
    /// Whether the target held it.
    pub held: bool,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadLine {
    /// The line lies between a load that held and one that did not.
    Between(f64, f64),
    /// Even the highest load held.
    AtLeast(f64),
    /// Even the lowest load did not hold.
    Below(f64),
}

impl LoadLineSearch {
    /// A search that has not looked yet.
    pub fn new(options: SearchOptions) -> Self {
        Self { options, looks: Vec::new() }
    }

    /// The load to look at next; `None` when the line is found.
    pub fn next(&self) -> Option<f64> {
        let (low, high) = self.bracket();
        if let Some(open) = self.undecided(low, high) {
            return Some(open);
        }
        let next = match (low, high) {
            (None, None) => Some(self.options.start),
            (Some(low), None) => (low < self.options.most).then(|| (low * 2.0).min(self.options.most)),
            (None, Some(high)) => (high > self.options.least).then(|| (high / 2.0).max(self.options.least)),
            (Some(low), Some(high)) => (!self.is_close(low, high)).then(|| (low * high).sqrt()),
        };
        next.map(|load| if self.options.whole { load.round().max(1.0) } else { load })
    }

    /// Takes the verdict of a window.
    pub fn tell(&mut self, load: f64, held: bool) {
        self.looks.push(Look { load, held });
    }

    /// All windows so far, in order.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// What was found; also what is known so far when the search was cut short. `None` before the first verdict.
    pub fn line(&self) -> Option<LoadLine> {
        match self.bracket() {
            (Some(low), Some(high)) => Some(LoadLine::Between(low, high)),
            (Some(low), None) => Some(LoadLine::AtLeast(low)),
            (None, Some(high)) => Some(LoadLine::Below(high)),
            (None, None) => None,
        }
    }

    fn is_close(&self, low: f64, high: f64) -> bool {
        high <= low * (1.0 + self.options.precision) || (self.options.whole && high - low <= 1.0)
    }

    /// The highest load that holds below the lowest that does not.
    fn bracket(&self) -> (Option<f64>, Option<f64>) {
        let decided =
            |held| self.looks.iter().map(|look| look.load).filter(move |load| self.verdict(*load) == Some(held));
        let high = decided(false).min_by(f64::total_cmp);
        let low = decided(true).filter(|low| high.is_none_or(|high| *low < high)).max_by(f64::total_cmp);
        (low, high)
    }

    /// What is known of a load: the verdict that came twice, or one "holds" while nothing above it has given way.
    fn verdict(&self, load: f64) -> Option<bool> {
        let count = |held| self.looks.iter().filter(|look| look.load == load && look.held == held).count();
        let (held, not) = (count(true), count(false));
        if not >= 2 {
            return Some(false);
        }
        if held >= 2 {
            return Some(true);
        }
        let nothing_gave_way = !self.looks.iter().any(|look| !look.held);
        (held == 1 && not == 0 && (nothing_gave_way || self.is_far_below(load))).then_some(true)
    }

    /// Loads far below one that gave way need no second look.
    fn is_far_below(&self, load: f64) -> bool {
        self.looks.iter().filter(|look| !look.held).all(|look| load < look.load / 1.5)
    }

    /// A load that was looked at and is not decided, inside the bracket.
    fn undecided(&self, low: Option<f64>, high: Option<f64>) -> Option<f64> {
        let inside = |load: f64| low.is_none_or(|low| load > low) && high.is_none_or(|high| load < high);
        let last = self.looks.iter().rev().map(|look| look.load);
        last.into_iter().find(|load| inside(*load) && self.verdict(*load).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPTIONS: SearchOptions = SearchOptions { start: 1.0, least: 0.01, most: 1e6, precision: 0.02, whole: false };

    fn run(options: SearchOptions, mut holds: impl FnMut(f64) -> bool) -> (Option<LoadLine>, usize) {
        let mut search = LoadLineSearch::new(options);
        while let Some(load) = search.next() {
            let held = holds(load);
            search.tell(load, held);
            assert!(search.looks().len() < 200, "{:?}", search.looks());
        }
        (search.line(), search.looks().len())
    }

    #[test]
    fn finds_whole_users() {
        let whole = SearchOptions { whole: true, least: 1.0, precision: 0.0001, ..OPTIONS };
        assert_eq!(run(whole, |users| users <= 37.0).0, Some(LoadLine::Between(37.0, 38.0)));
        assert_eq!(run(whole, |_| false).0, Some(LoadLine::Below(1.0)));
    }

    #[test]
    fn says_when_the_line_is_outside() {
        assert_eq!(run(SearchOptions { most: 100.0, ..OPTIONS }, |_| true).0, Some(LoadLine::AtLeast(100.0)));
        assert_eq!(run(SearchOptions { least: 0.5, ..OPTIONS }, |_| false).0, Some(LoadLine::Below(0.5)));
        assert_eq!(LoadLineSearch::new(OPTIONS).line(), None);
    }

    #[test]
    fn one_bad_window_does_not_count() {
        let mut windows = 0;
        let (line, _) = run(OPTIONS, |load| {
            windows += 1;
            load < 100.0 && windows != 3
        });
        let Some(LoadLine::Between(low, high)) = line else { panic!("{line:?}") };
        assert!(low <= 100.0 && high >= 100.0 && high / low <= 1.02, "{low} {high}");
    }

    proptest! {
        #[test]
        fn the_bracket_holds_the_line(line in 0.02f64..100_000.0, start in 0.1f64..1000.0) {
            let (found, looks) = run(SearchOptions { start, ..OPTIONS }, |load| load <= line);
            let Some(LoadLine::Between(low, high)) = found else { panic!("{found:?}") };
            prop_assert!(low <= line && line < high && high <= low * 1.02 + 1e-9);
            prop_assert!(looks <= 50, "{looks}");
        }

        /// Whatever the windows say, the search ends.
        #[test]
        fn always_ends(seed in any::<u64>()) {
            let mut state = seed;
            run(OPTIONS, |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 63 == 1
            });
        }
    }
}
