//! The stand-in inference server.
