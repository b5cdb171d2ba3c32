//! Inputs to begin with, for each of Hugging Face's inference tasks.

use serde_json::{Map, Value, json};

/// Inputs and parameters that a task takes.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleInputs {
    /// The `inputs` of the request.
    pub inputs: Value,
    /// Its `parameters`.
    pub parameters: Option<Map<String, Value>>,
}

/// What a task is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// A text.
    Text,
    /// An object, or a text with something special in it.
    Special,
    /// The bytes of an image.
    Image,
    /// The bytes of a sound.
    Audio,
    /// The bytes of a video.
    Video,
    /// An image in base64, with parameters beside it.
    ImageInJson,
    /// An object with an image in base64 and a question.
    ImageAndQuestion,
}

/// The tasks, with what they are fed with and a model that does them.
const TASKS: &[(&str, Feed, &str)] = &[
    ("audio-classification", Feed::Audio, "superb/hubert-large-superb-er"),
    ("automatic-speech-recognition", Feed::Audio, "openai/whisper-large-v3"),
    ("depth-estimation", Feed::Image, "Intel/dpt-large"),
    ("document-question-answering", Feed::ImageAndQuestion, "impira/layoutlm-document-qa"),
    ("feature-extraction", Feed::Text, "sentence-transformers/all-MiniLM-L6-v2"),
    ("fill-mask", Feed::Special, "google-bert/bert-base-uncased"),
    ("image-classification", Feed::Image, "google/vit-base-patch16-224"),
    ("image-segmentation", Feed::Image, "nvidia/segformer-b0-finetuned-ade-512-512"),
    ("image-text-to-image", Feed::ImageInJson, "black-forest-labs/FLUX.2-dev"),
    ("image-text-to-video", Feed::ImageInJson, "Lightricks/LTX-Video"),
    ("image-to-image", Feed::ImageInJson, "timbrooks/instruct-pix2pix"),
    ("image-to-text", Feed::Image, "Salesforce/blip-image-captioning-base"),
    ("image-to-video", Feed::ImageInJson, "Lightricks/LTX-Video"),
    ("object-detection", Feed::Image, "facebook/detr-resnet-50"),
    ("question-answering", Feed::Special, "deepset/roberta-base-squad2"),
    ("sentence-similarity", Feed::Special, "sentence-transformers/all-MiniLM-L6-v2"),
    ("summarization", Feed::Text, "facebook/bart-large-cnn"),
    ("table-question-answering", Feed::Special, "google/tapas-base-finetuned-wtq"),
    ("text-classification", Feed::Text, "distilbert/distilbert-base-uncased-finetuned-sst-2-english"),
    ("text-generation", Feed::Text, "Qwen/Qwen2.5-7B-Instruct"),
    ("text-to-audio", Feed::Text, "facebook/musicgen-small"),
    ("text-to-image", Feed::Text, "stabilityai/stable-diffusion-xl-base-1.0"),
    ("text-to-speech", Feed::Text, "hexgrad/Kokoro-82M"),
    ("text-to-video", Feed::Text, "Lightricks/LTX-Video"),
    ("token-classification", Feed::Text, "dslim/bert-base-NER"),
    ("translation", Feed::Text, "Helsinki-NLP/opus-mt-en-fr"),
    ("video-classification", Feed::Video, "MCG-NJU/videomae-base-finetuned-kinetics"),
    ("visual-question-answering", Feed::ImageAndQuestion, "dandelin/vilt-b32-finetuned-vqa"),
    ("zero-shot-classification", Feed::Text, "facebook/bart-large-mnli"),
    ("zero-shot-image-classification", Feed::ImageInJson, "openai/clip-vit-large-patch14"),
    ("zero-shot-object-detection", Feed::ImageInJson, "google/owlvit-base-patch32"),
];

/// The names of the tasks.
pub fn task_names() -> impl Iterator<Item = &'static str> {
    TASKS.iter().map(|(name, ..)| *name)
}

/// What a task of this name is fed with; nothing for an unknown task.
pub fn feed(task: &str) -> Option<Feed> {
    TASKS.iter().find(|(name, ..)| *name == task).map(|(_, feed, _)| *feed)
}

pub(crate) fn model(task: &str) -> Option<&'static str> {
    TASKS.iter().find(|(name, ..)| *name == task).map(|(.., model)| *model)
}

/// Inputs for a task of this name. Where it takes an image or a sound, they are templates over a source of data called
/// `files`; nothing where the request's body is the file itself.
pub fn example_inputs(task: &str) -> Option<ExampleInputs> {
    let inputs = match feed(task)? {
        Feed::Image | Feed::Audio | Feed::Video => return None,
        Feed::ImageInJson => json!("{{ files.base64 }}"),
        Feed::ImageAndQuestion => json!({ "image": "{{ files.base64 }}", "question": "What is in the picture?" }),
        Feed::Special => special(task),
        Feed::Text => json!(text(task)),
    };
    let parameters = match task {
        "zero-shot-classification" => json!({ "candidate_labels": ["delivery", "billing", "praise"] }),
        "zero-shot-image-classification" | "zero-shot-object-detection" => {
            json!({ "candidate_labels": ["cat", "dog", "landscape"] })
        }
        "summarization" => json!({ "max_length": 60 }),
        "text-generation" => json!({ "max_new_tokens": 80 }),
        "image-text-to-image" | "image-text-to-video" | "image-to-image" | "image-to-video" => {
            json!({ "prompt": "the same scene in winter" })
        }
        _ => Value::Null,
    };
    let parameters = if let Value::Object(members) = parameters { Some(members) } else { None };
    Some(ExampleInputs { inputs, parameters })
}

fn special(task: &str) -> Value {
    match task {
        "question-answering" => json!({
            "question": "When does the library open?",
            "context": "The library opens at nine in the morning and closes at six.",
        }),
        "sentence-similarity" => json!({
            "source_sentence": "The train is late.",
            "sentences": ["The train has a delay.", "Trains run on rails.", "I like tea."],
        }),
        "table-question-answering" => json!({
            "query": "Which city has the most bridges?",
            "table": { "City": ["Hamburg", "Venice", "Amsterdam"], "Bridges": ["2500", "438", "1281"] },
        }),
        _ => json!("The harbour was full of [MASK] that morning."),
    }
}

fn text(task: &str) -> &'static str {
    match task {
        "summarization" => {
            "The old lighthouse was built in 1874 to guide ships past the reef. It burned oil for forty years, then gas, \
             and since 1962 electric light. Today nobody lives there, and a computer in the next town switches it on."
        }
        "text-generation" => "Write two sentences about a lighthouse keeper.",
        "text-to-audio" => "calm piano music with rain in the background",
        "text-to-image" | "text-to-video" => "a lighthouse on a cliff at sunset, oil painting",
        "token-classification" => "Marie Curie worked in Paris at the Sorbonne.",
        "zero-shot-classification" => "My parcel still has not arrived.",
        "translation" => "The ship leaves the harbour at noon.",
        _ => "The delivery was quick and everything works.",
    }
}
