//! Conversations in the forms that data sets have them.

use serde_json::{Map, Value};

/// A row with the `turns` of the human side, if this is a conversation; the row as it is otherwise. A conversation in
/// which no human speaks gives none.
pub(super) fn row(value: Value) -> Option<Value> {
    let Value::Object(mut row) = value else { return Some(value) };
    if let Some(Value::Array(said)) = row.get("conversations")
        && said.iter().all(|message| message.get("from").is_some())
    {
        // ShareGPT's. The replies are long, and those of the target take their place.
        let turns = turns(said, "from", "value", &["human", "user"]);
        let id = row.remove("id");
        row = id.map(|id| Map::from_iter([("id".to_owned(), id)])).unwrap_or_default();
        return with_turns(row, turns);
    }
    if let Some(Value::Array(said)) = row.get("messages")
        && said.iter().all(|message| message.get("role").is_some())
        && !row.contains_key("turns")
    {
        let turns = turns(said, "role", "content", &["user"]);
        return with_turns(row, turns);
    }
    Some(Value::Object(row))
}

fn with_turns(mut row: Map<String, Value>, turns: Vec<Value>) -> Option<Value> {
    if turns.is_empty() {
        return None;
    }
    row.insert("turns".to_owned(), Value::Array(turns));
    Some(Value::Object(row))
}

fn turns(said: &[Value], who: &str, what: &str, human: &[&str]) -> Vec<Value> {
    said.iter()
        .filter(|message| message[who].as_str().is_some_and(|who| human.contains(&who)))
        .filter_map(|message| text(&message[what]))
        .filter(|text| !text.trim().is_empty())
        .map(Value::from)
        .collect()
}

/// A message's text: itself, or the texts among its parts.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_give_the_human_side() {
        let sharegpt = json!({"id": "a", "conversations": [
            {"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}, {"from": "human", "value": "Bye"},
        ]});
        assert_eq!(row(sharegpt), Some(json!({"id": "a", "turns": ["Hello", "Bye"]})));
        let messages = json!([
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url"}]},
            {"role": "assistant", "content": "A tram"},
        ]);
        assert_eq!(row(json!({ "messages": messages })), Some(json!({"messages": messages, "turns": ["What is it?"]})));
    }

    #[test]
    fn nothing_else_is_touched() {
        for other in [json!("text"), json!({"turns": [1], "messages": [{"role": "user"}]}), json!({"conversations": 3})]
        {
            assert_eq!(row(other.clone()), Some(other));
        }
        assert_eq!(row(json!({"conversations": [{"from": "gpt", "value": "Hi"}]})), None);
        assert_eq!(row(json!({"messages": []})), None);
    }
}
