//! Whatever a scenario file holds, reading it ends with a scenario or with an error that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_scenario::{Overrides, ScenarioError, parse, resolve, thresholds, to_toml};

fuzz_target!(|text: &str| {
    match parse(text, "fuzz.toml") {
        Ok(scenario) => {
            let again = parse(&to_toml(&scenario), "again.toml").expect("what was written can be read");
            assert_eq!(again, scenario);
            let problem = resolve(&scenario, &Overrides::default()).err().or(thresholds(&scenario).err());
            if let Some(problem) = problem {
                ScenarioError::of_problem(text, "fuzz.toml", problem).render(true);
            }
        }
        Err(error) => assert!(!error.render(true).is_empty()),
    }
});
