//! Hugging Face's inference tasks, as far as templates need to know them.

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
pub(crate) enum Feed {
    /// A text.
    Text,
    /// An object of several texts.
    Object,
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
    ("fill-mask", Feed::Text, "google-bert/bert-base-uncased"),
    ("image-classification", Feed::Image, "google/vit-base-patch16-224"),
    ("image-segmentation", Feed::Image, "nvidia/segformer-b0-finetuned-ade-512-512"),
    ("image-text-to-image", Feed::ImageInJson, "black-forest-labs/FLUX.2-dev"),
    ("image-text-to-video", Feed::ImageInJson, "Lightricks/LTX-Video"),
    ("image-to-image", Feed::ImageInJson, "timbrooks/instruct-pix2pix"),
    ("image-to-text", Feed::Image, "Salesforce/blip-image-captioning-base"),
    ("image-to-video", Feed::ImageInJson, "Lightricks/LTX-Video"),
    ("object-detection", Feed::Image, "facebook/detr-resnet-50"),
    ("question-answering", Feed::Object, "deepset/roberta-base-squad2"),
    ("sentence-similarity", Feed::Object, "sentence-transformers/all-MiniLM-L6-v2"),
    ("summarization", Feed::Text, "facebook/bart-large-cnn"),
    ("table-question-answering", Feed::Object, "google/tapas-base-finetuned-wtq"),
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

/// The names of the tasks that have a template.
pub fn task_names() -> impl Iterator<Item = &'static str> {
    TASKS.iter().map(|(name, ..)| *name)
}

/// What a task is fed with, and a model that does it.
pub(crate) fn task(name: &str) -> Option<(Feed, &'static str)> {
    TASKS.iter().find(|(known, ..)| *known == name).map(|(_, feed, model)| (*feed, *model))
}

/// Inputs for a template when none are given. An image is a row of the data source `images`.
pub(crate) fn inputs(task: &str, feed: Feed) -> ExampleInputs {
    let inputs = match (feed, task) {
        (Feed::ImageInJson, _) => json!("{{ images.base64 }}"),
        (Feed::ImageAndQuestion, _) => json!({ "image": "{{ images.base64 }}", "question": "What is this?" }),
        (Feed::Object, "question-answering") => json!({ "question": "When?", "context": "It opens at nine." }),
        (Feed::Object, "sentence-similarity") => json!({ "source_sentence": "One.", "sentences": ["Two.", "Three."] }),
        (Feed::Object, _) => json!({ "question": "How many?", "table": { "Name": ["a", "b"], "Count": ["1", "2"] } }),
        (_, "fill-mask") => json!("The harbour was full of [MASK]."),
        _ => json!("Write your own text here."),
    };
    let parameters = match task {
        _ if task.starts_with("zero-shot") => json!({ "candidate_labels": ["one", "another"] }),
        _ if feed == Feed::ImageInJson => json!({ "prompt": "the same in winter" }),
        _ => Value::Null,
    };
    ExampleInputs { inputs, parameters: parameters.as_object().cloned() }
}
