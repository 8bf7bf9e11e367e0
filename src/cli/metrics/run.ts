/** What `ipoib metrics` does: print, write or serve. */

import type { CliEnvironment } from "../environment.ts";
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

/** Serves the metrics until a signal ends the process. Throws `E_LISTEN`. */
export async function serve(
  environment: CliEnvironment,
  scope: Scope,
  at: ListenAddress,
): Promise<void> {
  const server = await MetricsServer.listen(at, {
    collect: () => collect(environment, scope),
  });
  environment.err(`Serving metrics at ${listenAddressText(server.address)}\n`);
  await Promise.race([environment.endingSignal(), server.closed]);
  server.close();
  await server.closed;
}
