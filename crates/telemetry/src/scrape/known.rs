//! What is worth keeping of the pages of the servers that we know.

/// Values of these names: load, queue, cache, tokens. Histograms of waiting are kept as their sum and count.
const KNOWN: &[&str] = &[
    // vLLM
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:num_requests_swapped",
    "vllm:gpu_cache_usage_perc",
    "vllm:kv_cache_usage_perc",
    "vllm:num_preemptions",
    "vllm:request_queue_time_seconds",
    "vllm:prompt_tokens",
    "vllm:generation_tokens",
    "vllm:request_success",
    "vllm:prefix_cache_queries",
    "vllm:prefix_cache_hits",
    // SGLang
    "sglang:num_running_reqs",
    "sglang:num_queue_reqs",
    "sglang:token_usage",
    "sglang:cache_hit_rate",
    "sglang:prompt_tokens",
    "sglang:generation_tokens",
    // Text Generation Inference
    "tgi_queue_size",
    "tgi_batch_current_size",
    "tgi_batch_current_max_tokens",
    "tgi_request_count",
    "tgi_request_success",
    "tgi_request_failure",
    "tgi_request_queue_duration",
    // Text Embeddings Inference
    "te_queue_size",
    "te_request_count",
    "te_request_success",
    "te_request_failure",
    "te_request_queue_duration",
    // llama.cpp
    "llamacpp:requests_processing",
    "llamacpp:requests_deferred",
    "llamacpp:kv_cache_usage_ratio",
    "llamacpp:kv_cache_tokens",
    "llamacpp:n_busy_slots_per_decode",
    "llamacpp:prompt_tokens",
    "llamacpp:tokens_predicted",
];

/// Whether a value of this name is kept: a known one, or one that the user named (with or without the ending of a
/// counter's or a histogram's values).
pub(super) fn is_kept(name: &str, more: &[String]) -> bool {
    let stem = ["_total", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
    let is = |wanted: &str| wanted == name || stem == Some(wanted);
    KNOWN.iter().any(|wanted| is(wanted)) || more.iter().any(|wanted| is(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_known_family_are_kept_but_its_buckets() {
        for name in ["vllm:num_requests_running", "vllm:prompt_tokens_total", "vllm:request_queue_time_seconds_sum"] {
            assert!(is_kept(name, &[]), "{name}");
        }
        assert!(!is_kept("vllm:request_queue_time_seconds_bucket", &[]));
        assert!(!is_kept("process_cpu_seconds_total", &[]));
        assert!(is_kept("process_cpu_seconds_total", &["process_cpu_seconds".to_owned()]));
    }
}
