//! Configurations of DeepSpeed, as run files.
