//! DeepSpeed itself, on request.
