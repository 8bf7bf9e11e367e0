/** What `ipoib metrics` does: print, write or serve. */

import { isInRuntimeDirectory } from "../../ipc/runtime_directory.ts";
import type { CliEnvironment } from "../environment.ts";
import { usageError } from "../errors.ts";
import { collect, type Scope } from "./collect.ts";
import { exposition, type Format } from "./exposition.ts";
import { type ListenAddress, listenAddressText } from "./listen_address.ts";
import { MetricsServer } from "./metrics_server.ts";
import { writeTextfile } from "./textfile.ts";

export async function print(
  environment: CliEnvironment,
  scope: Scope,
  format: Format = "openmetrics",
): Promise<void> {
  environment.out(exposition(await collect(environment, scope), format));
}

/** Throws `E_TEXTFILE`. The collector reads the older format only. */
export async function write(
  environment: CliEnvironment,
  scope: Scope,
  path: string,
  format: Format = "prometheus",
): Promise<void> {
  const families = await collect(environment, scope);
  writeTextfile(path, exposition(families, format));
}

/**
 * Serves the metrics until a signal ends the process. Throws `E_LISTEN`, and `E_USAGE` for a path in the runtime
 * directory, where each collection would take this server for the process of an interface.
 */
export async function serve(
  environment: CliEnvironment,
  scope: Scope,
  at: ListenAddress,
): Promise<void> {
  const { runtime } = environment;
  if (at.transport === "unix" && isInRuntimeDirectory(at.path, runtime)) {
    throw usageError(
      `"${at.path}" is in the directory of control sockets`,
      `choose a path outside ${runtime}`,
    );
  }
  const server = await MetricsServer.listen(at, {
    collect: () => collect(environment, scope),
  });
  environment.err(`Serving metrics at ${listenAddressText(server.address)}\n`);
  await Promise.race([environment.endingSignal(), server.closed]);
  server.close();
  await server.closed;
}
