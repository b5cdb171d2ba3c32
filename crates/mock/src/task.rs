//! Hugging Face's inference tasks, and which of them a request means.

use crate::request::Shape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An inference task, by the name it has in URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the documentation: they are Hugging Face's own")]
pub enum Task {
    AudioClassification,
    AutomaticSpeechRecognition,
    ChatCompletion,
    DepthEstimation,
    DocumentQuestionAnswering,
    FeatureExtraction,
    FillMask,
    ImageClassification,
    ImageSegmentation,
    ImageTextToImage,
    ImageTextToVideo,
    ImageToImage,
    ImageToText,
    ImageToVideo,
    ObjectDetection,
    QuestionAnswering,
    SentenceSimilarity,
    Summarization,
    TableQuestionAnswering,
    TextClassification,
    TextGeneration,
    TextToAudio,
    TextToImage,
    TextToSpeech,
    TextToVideo,
    TokenClassification,
    Translation,
    VideoClassification,
    VisualQuestionAnswering,
    ZeroShotClassification,
    ZeroShotImageClassification,
    ZeroShotObjectDetection,
}

impl Task {
    /// The task of this name, if there is one. `conversational`, `ner` and `sentiment-analysis` are older names.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "conversational" => Some(Self::ChatCompletion),
            "ner" => Some(Self::TokenClassification),
            "sentiment-analysis" => Some(Self::TextClassification),
            "text2text-generation" => Some(Self::TextGeneration),
            _ => {
                let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
                Self::deserialize(name).ok()
            }
        }
    }
}

impl std::str::FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_name(text).ok_or_else(|| format!("`{text}` is not a task; write for example text-classification"))
    }
}

/// Parts of names of well-known models, in lower case, the more specific first.
const KNOWN: &[(&str, Task)] = &[
    ("sst-2", Task::TextClassification),
    ("sst2", Task::TextClassification),
    ("sentiment", Task::TextClassification),
    ("emotion", Task::TextClassification),
    ("toxic", Task::TextClassification),
    ("finbert", Task::TextClassification),
    ("prompt-guard", Task::TextClassification),
    ("mnli", Task::ZeroShotClassification),
    ("zeroshot", Task::ZeroShotClassification),
    ("zero-shot", Task::ZeroShotClassification),
    ("bart-large-cnn", Task::Summarization),
    ("pegasus", Task::Summarization),
    ("distilbart-cnn", Task::Summarization),
    ("summariz", Task::Summarization),
    ("opus-mt", Task::Translation),
    ("nllb", Task::Translation),
    ("mbart", Task::Translation),
    ("tapas", Task::TableQuestionAnswering),
    ("tapex", Task::TableQuestionAnswering),
    ("squad", Task::QuestionAnswering),
    ("bert-base-ner", Task::TokenClassification),
    ("bert-large-ner", Task::TokenClassification),
    ("-ner", Task::TokenClassification),
    ("conll03", Task::TokenClassification),
    ("all-minilm", Task::FeatureExtraction),
    ("all-mpnet", Task::FeatureExtraction),
    ("bge-", Task::FeatureExtraction),
    ("gte-", Task::FeatureExtraction),
    ("e5-", Task::FeatureExtraction),
    ("embed", Task::FeatureExtraction),
    ("sentence-transformers", Task::FeatureExtraction),
    ("detr", Task::ObjectDetection),
    ("yolo", Task::ObjectDetection),
    ("segformer", Task::ImageSegmentation),
    ("mask2former", Task::ImageSegmentation),
    ("maskformer", Task::ImageSegmentation),
    ("depth", Task::DepthEstimation),
    ("dpt-", Task::DepthEstimation),
    ("blip-image-captioning", Task::ImageToText),
    ("image-captioning", Task::ImageToText),
    ("trocr", Task::ImageToText),
    ("vilt", Task::VisualQuestionAnswering),
    ("vqa", Task::VisualQuestionAnswering),
    ("layoutlm", Task::DocumentQuestionAnswering),
    ("donut", Task::DocumentQuestionAnswering),
    ("clip-", Task::ZeroShotImageClassification),
    ("siglip", Task::ZeroShotImageClassification),
    ("owlvit", Task::ZeroShotObjectDetection),
    ("owlv2", Task::ZeroShotObjectDetection),
    ("vit-", Task::ImageClassification),
    ("resnet", Task::ImageClassification),
    ("convnext", Task::ImageClassification),
    ("nsfw_image", Task::ImageClassification),
    ("ast-finetuned", Task::AudioClassification),
    ("hubert-base-superb", Task::AudioClassification),
    ("whisper", Task::AutomaticSpeechRecognition),
    ("wav2vec2", Task::AutomaticSpeechRecognition),
    ("musicgen", Task::TextToAudio),
    ("kokoro", Task::TextToSpeech),
    ("mms-tts", Task::TextToSpeech),
    ("speecht5", Task::TextToSpeech),
    ("bark", Task::TextToSpeech),
    ("tts", Task::TextToSpeech),
    ("stable-diffusion", Task::TextToImage),
    ("sdxl", Task::TextToImage),
    ("flux", Task::TextToImage),
    ("text-to-video", Task::TextToVideo),
    ("wan2", Task::TextToVideo),
    ("ltx-video", Task::TextToVideo),
    ("videomae", Task::VideoClassification),
    ("flan-t5", Task::TextGeneration),
    ("gpt2", Task::TextGeneration),
    ("llama", Task::TextGeneration),
    ("mistral", Task::TextGeneration),
    ("qwen", Task::TextGeneration),
    ("gemma", Task::TextGeneration),
    ("phi-", Task::TextGeneration),
    ("smollm", Task::TextGeneration),
    ("t5-", Task::Translation),
    ("bert-base", Task::FillMask),
    ("roberta-base", Task::FillMask),
    ("modernbert", Task::FillMask),
];

/// The task of a model by its name: the user's own map first, its longest match winning.
pub(crate) fn of_model(model: &str, own: &BTreeMap<String, Task>) -> Option<Task> {
    if model.is_empty() {
        return None;
    }
    let name = model.to_ascii_lowercase();
    own.iter()
        .filter(|(part, _)| name.contains(&part.to_ascii_lowercase()))
        .max_by_key(|(part, _)| part.len())
        .map(|(_, task)| *task)
        .or_else(|| KNOWN.iter().find(|(part, _)| name.contains(part)).map(|(_, task)| *task))
}

/// The task that a body's shape gives away.
pub(crate) fn of_shape(shape: &Shape<'_>) -> Option<Task> {
    match shape {
        Shape::Json { messages: true, .. } => Some(Task::ChatCompletion),
        Shape::Json { candidate_labels: true, .. } => Some(Task::ZeroShotClassification),
        Shape::Json { inputs, .. } => {
            let has = |key: &str| inputs.starts_with('{') && inputs.contains(key);
            if has("\"source_sentence\"") {
                Some(Task::SentenceSimilarity)
            } else if has("\"table\"") {
                Some(Task::TableQuestionAnswering)
            } else if has("\"context\"") {
                Some(Task::QuestionAnswering)
            } else if has("\"image\"") {
                Some(Task::VisualQuestionAnswering)
            } else if inputs.contains("[MASK]") || inputs.contains("<mask>") {
                Some(Task::FillMask)
            } else if inputs.starts_with('[') {
                Some(Task::FeatureExtraction)
            } else {
                None
            }
        }
        Shape::Binary { content_type } => match content_type.split('/').next() {
            Some("audio") => Some(Task::AutomaticSpeechRecognition),
            Some("image") => Some(Task::ImageClassification),
            Some("video") => Some(Task::VideoClassification),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        let none = BTreeMap::new();
        let of = |model| of_model(model, &none);
        assert_eq!(of("distilbert/distilbert-base-uncased-finetuned-sst-2-english"), Some(Task::TextClassification));
        assert_eq!(of("facebook/bart-large-mnli"), Some(Task::ZeroShotClassification));
        assert_eq!(of("facebook/bart-large-cnn"), Some(Task::Summarization));
        assert_eq!(of("google/flan-t5-base"), Some(Task::TextGeneration));
        assert_eq!(of("google-t5/t5-small"), Some(Task::Translation));
        assert_eq!(of("deepset/roberta-base-squad2"), Some(Task::QuestionAnswering));
        assert_eq!(of("google/tapas-base-finetuned-wtq"), Some(Task::TableQuestionAnswering));
        assert_eq!(of("dslim/bert-base-NER"), Some(Task::TokenClassification));
        assert_eq!(of("google-bert/bert-base-uncased"), Some(Task::FillMask));
        assert_eq!(of("facebook/detr-resnet-50"), Some(Task::ObjectDetection));
        assert_eq!(of("openai/whisper-large-v3"), Some(Task::AutomaticSpeechRecognition));
        assert_eq!(of("black-forest-labs/FLUX.1-dev"), Some(Task::TextToImage));
        assert_eq!(of("acme/unheard-of"), None);
        let own = BTreeMap::from([("ACME".to_owned(), Task::FillMask), ("acme/un".to_owned(), Task::Translation)]);
        assert_eq!(of_model("acme/unheard-of", &own), Some(Task::Translation));
    }

    #[test]
    fn by_task_name() {
        assert_eq!(Task::from_name("text-to-image"), Some(Task::TextToImage));
        assert_eq!(Task::from_name("table-question-answering"), Some(Task::TableQuestionAnswering));
        assert_eq!(Task::from_name("ner"), Some(Task::TokenClassification));
        assert_eq!(Task::from_name("nonsense"), None);
    }
}
