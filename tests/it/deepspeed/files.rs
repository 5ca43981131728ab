//! DeepSpeed's own files, read and written.
