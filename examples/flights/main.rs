//! stub
mod data; mod direct; mod events; mod reader; mod report;
fn main() {}
