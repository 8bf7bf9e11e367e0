/** Implementation of {@linkcode CliEnvironment} on the running system. Loads src/daemon on demand. */

import { variable } from "../base/variables.ts";
import { runtimeDirectory } from "../ipc/locate.ts";
import type { CliEnvironment } from "./environment.ts";
import { endProcess } from "./end_process.ts";
import { hcaPkeys, hcaPorts } from "./hcas.ts";
import { findNamespace, namespaceNames } from "./namespace.ts";
import { readInput, runPlugin } from "./plugin_process.ts";
import { writeText } from "./output.ts";

export function systemEnvironment(): CliEnvironment {
  let outEnded = false;
  return {
    out: (text) => {
      if (!writeText(Deno.stdout, text)) outEnded = true;
    },
    get outEnded() {
      return outEnded;
    },
    err: (text) => void writeText(Deno.stderr, text),
    input: readInput,
    cniVariable: variable,
    runPlugin,
    get color() {
      return !variable("NO_COLOR") && Deno.stdout.isTerminal();
    },
    async openTerminal() {
      return (await import("./terminal.ts")).openTerminal();
    },
    get uptimeMs() {
      return Deno.osUptime() * 1000;
    },
    get runtime() {
      return runtimeDirectory();
    },
    get configDirectory() {
      return variable("IPOIB_CONFIG_DIR") ?? "/etc/ipoib";
    },
    replyLimitMs: 3000,
    endLimitMs: 15_000,
    namespace: findNamespace,
    namespaceNames,
    async hostFacts() {
      const { gatherHost } = await import("../doctor/gather/host.ts");
      return gatherHost(runtimeDirectory());
    },
    hcaPorts,
    hcaPkeys,
    endProcess: (pid, timeoutMs) =>
      endProcess(runtimeDirectory(), pid, timeoutMs),
    async ownerOfLeft(netns, name) {
      const left = await import("../daemon/restart/left_devices.ts");
      return left.ownerOfLeft(netns, name);
    },
    async leftInterfaces(netns) {
      const left = await import("../daemon/restart/left_devices.ts");
      return left.leftInterfaces(netns);
    },
    async deleteLeft(netns, name) {
      const left = await import("../daemon/restart/left_devices.ts");
      return await left.deleteLeft(netns, name);
    },
    async endingSignal() {
      const { endingSignal } = await import("../daemon/signals.ts");
      await endingSignal().promise;
    },
    async up(options) {
      return await (await import("../daemon/up.ts")).up(options);
    },
    async startUpgrade(record) {
      const { startUpgrade } = await import("../daemon/start_upgrade.ts");
      return await startUpgrade(record);
    },
    async capture(options, source) {
      const { capture } = await import("../capture/capture.ts");
      return await capture(options, source, this);
    },
    async runSubnet(options) {
      return await (await import("../daemon/subnet_run.ts")).runSubnet(options);
    },
  };
}
