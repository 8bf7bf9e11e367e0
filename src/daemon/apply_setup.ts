/** Applies the settings of a configuration file to a new interface and its children. */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { SetupCall, SetupStep } from "../ipc/setup.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import type { DataService } from "./data_services.ts";

/** Applies the settings of the configuration file that are not options. */
export async function configure(
  { name, setup, config }: InterfaceOptions,
  service: DataService,
): Promise<void> {
  if (setup === undefined) return;
  const children = await service.call("child.list", {});
  await applySetup(
    setup,
    children.map(({ ifname }) => ifname),
    ({ method, params }) => service.call(method, params),
    getLogger(name),
    `configuration ${config}`,
  );
}

/**
 * Makes the calls in their order. A refused call is logged with its line and does not stop the others, so that one
 * wrong setting does not take the interface away; the calls for a child that was not created are not made. A child that
 * exists is not created.
 *
 * @param children names of the children that exist
 * @param what name of the settings, for the log
 */
export async function applySetup(
  steps: readonly SetupStep[],
  children: readonly string[],
  call: (call: SetupCall) => Promise<unknown>,
  log: Record<"error" | "info", (text: string) => void>,
  what: string,
): Promise<void> {
  const missing = new Set<string>();
  let failed = 0;
  for (const step of steps) {
    if (missing.has(step.ifname)) {
      failed++;
      continue;
    }
    if (creates(step) && children.includes(step.ifname)) continue;
    try {
      await call(step);
    } catch (error) {
      failed++;
      const { message, hint } = IpoibError.from(error);
      log.error(
        `${step.where}: ${message}${hint === undefined ? "" : ` (${hint})`}`,
      );
      if (creates(step)) missing.add(step.ifname);
    }
  }
  const except = failed === 0
    ? ""
    : `, except ${failed} setting${failed === 1 ? "" : "s"}`;
  log.info(`${what} applied${except}`);
}

function creates({ method }: SetupCall): boolean {
  return method === "link.add" || method === "child.create";
}
