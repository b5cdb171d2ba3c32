use super::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::fs;

fn source(json: Value) -> DataSource {
    serde_json::from_value(json).unwrap()
}

fn load(json: Value) -> Result<DataSet, Problem> {
    DataSet::load("it", &source(json), Path::new("/nowhere"), 1)
}

#[test]
fn a_list_is_drawn_in_its_order_or_by_chance() {
    let mut rng = StdRng::seed_from_u64(1);
    let in_order = load(json!({"list": ["a", "b", "c"], "order": "sequential"})).unwrap();
    let drawn: Vec<&Value> = [0, 1, 2, 3, u64::MAX].map(|number| &in_order.draw(number, &mut rng).json).to_vec();
    assert_eq!(drawn, ["a", "b", "c", "a", "a"]);
    let by_chance = load(json!({"list": ["a", "b", "c"]})).unwrap();
    let mut seen = [0; 3];
    for number in 0..300 {
        let row = &by_chance.draw(number, &mut rng).json;
        seen[["a", "b", "c"].iter().position(|known| row == known).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
}

#[test]
fn templates_see_the_members_of_a_row() {
    let set = load(json!({"list": [{"text": "hi", "n": [1, 2]}]})).unwrap();
    let context = minijinja::context! { it => set.row(0).value.clone() };
    let text = minijinja::Environment::new().render_str("{{ it.text }} {{ it.n[1] }}", context).unwrap();
    assert_eq!(text, "hi 2");
}

#[test]
fn files_and_folders_are_found_from_the_base() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "one\ntwo\n").unwrap();
    fs::write(folder.path().join("a.png"), "png").unwrap();
    let file = DataSet::load("it", &source(json!({"file": "a.txt"})), folder.path(), 1).unwrap();
    assert_eq!((file.len(), &file.row(1).json), (2, &json!("two")));
    let media = DataSet::load("it", &source(json!({"folder": "."})), folder.path(), 1).unwrap();
    assert_eq!(media.row(0).binary.as_ref().unwrap().mime, "image/png");
    let error = DataSet::load("it", &source(json!({"file": "."})), folder.path(), 1).unwrap_err();
    assert!(error.message.contains("is a folder"), "{error}");
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("a.txt")).unwrap().set_len(MOST_BYTES + 1).unwrap();
    let error = DataSet::load("it", &source(json!({"file": "a.txt"})), folder.path(), 1).unwrap_err();
    assert!(error.message.contains("more than 1 GiB"), "{error}");
}

#[test]
fn made_rows_depend_on_the_seed_and_the_name() {
    for generator in ["prompts", "conversations", "images", "audio"] {
        let wanted = source(json!({"generator": generator, "rows": 3}));
        let make = |name, seed| {
            let set = DataSet::load(name, &wanted, Path::new(""), seed).unwrap();
            let rows =
                set.rows.iter().map(|row| (row.json.clone(), row.binary.as_ref().map(|file| file.bytes.clone())));
            rows.collect::<Vec<_>>()
        };
        assert_eq!(make("a", 1), make("a", 1), "{generator}");
        assert_ne!(make("a", 1), make("a", 2), "{generator}");
        assert_ne!(make("a", 1), make("b", 1), "{generator}");
        assert_ne!(make("a", 1)[0], make("a", 1)[1], "{generator}");
    }
}

#[test]
fn wrong_sources_are_told_with_their_place() {
    for (wrong, at, what) in [
        (json!({}), "data.it", "needs one of"),
        (json!({"list": [1], "file": "a"}), "data.it", "has both `list` and `file`"),
        (json!({"list": []}), "data.it.list", "is empty"),
        (json!({"file": "a.txt"}), "data.it.file", "cannot read /nowhere/a.txt"),
        (json!({"folder": "a"}), "data.it.folder", "cannot read /nowhere/a"),
        (json!({"list": [1], "rows": 3}), "data.it.rows", "belongs to the generators"),
        (json!({"generator": "images", "seconds": 3}), "data.it.seconds", "belongs to the generator `audio`"),
        (json!({"generator": "prompts", "turns": {"mean": 3}}), "data.it.turns", "generator `conversations`"),
        (json!({"generator": "prompts", "rows": 0}), "data.it.rows", "at least 1"),
        (json!({"generator": "prompts", "input_tokens": {"min": 9, "max": 3}}), "data.it.input_tokens", "above its"),
        (json!({"generator": "prompts", "input_tokens": {"mean": 9e6}}), "data.it.rows", "more than 1 GiB"),
        (json!({"generator": "images", "size": [0, 9]}), "data.it.size", "between 1 and"),
        (json!({"generator": "images", "size": [9000, 9000]}), "data.it.rows", "more than 1 GiB"),
        (json!({"generator": "audio", "seconds": 0}), "data.it.seconds", "above 0"),
        (json!({"generator": "audio", "seconds": 3600}), "data.it.rows", "more than 1 GiB"),
    ] {
        let problem = load(wrong.clone()).unwrap_err();
        assert_eq!(problem.at, at, "{wrong}: {problem}");
        assert!(problem.message.contains(what), "{wrong}: {problem}");
    }
}
