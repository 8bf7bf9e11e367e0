/** The harness of the end-to-end tests. */

export { must, type Outcome, run } from "./command.ts";
export { exists, runs, socketsIn } from "./files.ts";
export { Host } from "./host.ts";
export { Lab, labTest } from "./lab.ts";
export { pingResult, Pings } from "./ping.ts";
export { Program } from "./program.ts";
export { iperf, iperfServer } from "./traffic.ts";
export { pause, until } from "./until.ts";
