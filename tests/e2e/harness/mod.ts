/** The harness of the end-to-end tests. */

export { connectBehind } from "./routed_network.ts";
export { must, type Outcome, run } from "./command.ts";
export { startDnsmasq } from "./dnsmasq.ts";
export { exists, namesIn, runs, socketsIn } from "./files.ts";
export { Host } from "./host.ts";
export { Lab, labTest } from "./lab.ts";
export { membershipSockets } from "./membership_sockets.ts";
export {
  agreedNeighbours,
  kernelNeighbours,
  linkAddress,
  linkLocal,
  ownNeighbours,
  untilAnnounced,
} from "./neighbours.ts";
export { ArpSocket } from "./packet_socket.ts";
export { Pings } from "./ping.ts";
export { Program } from "./program.ts";
export {
  fault,
  fixedPair,
  GUIDS,
  holdTakeover,
  managerPid,
  untilConnected,
  waitingLids,
} from "./subnet.ts";
export { onTerminal, shellLine, writeProgram } from "./shell.ts";
export { TcpFlow } from "./tcp_flow.ts";
export { iperf, iperfServer, iperfStream } from "./traffic.ts";
export { UdpSocket } from "./udp.ts";
export { pause, until } from "./until.ts";
export { createChild, startManager, startPartitions } from "./partitions.ts";
