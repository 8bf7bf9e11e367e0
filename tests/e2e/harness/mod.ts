/** The harness of the end-to-end tests. */

export { must, type Outcome, run } from "./command.ts";
export { Host, pingResult } from "./host.ts";
export { Lab, labTest } from "./lab.ts";
export { Program } from "./program.ts";
export { iperf, iperfServer } from "./traffic.ts";
export { pause, until } from "./until.ts";
