//! Loads on HTTP APIs: scenarios and the command lines that stand for them, against the stand-in inference server,
//! servers of the tests' own, and real model servers.

mod capacity;
mod ci;
mod diagnosis;
mod exporters;
mod failures;
mod guide;
mod input;
mod journeys;
mod lines;
mod live;
mod real;
mod refusals;
mod report;
mod signals;
mod support;
mod thresholds;
mod timing;
