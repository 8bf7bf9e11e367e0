/** `ipoib upgrade`: starts this program as the process that takes over the interfaces of a running one. */

import { IpoibError } from "../base/errors.ts";
import { variable } from "../base/variables.ts";
import type { UpgradeRecord } from "../ipc/schema.ts";
import { ownCommand } from "../system/own_command.ts";

/**
 * Starts the new process. Returns 0 when it has taken over, otherwise its exit code; it has then printed the reason, and
 * the old process goes on. Throws `E_UPGRADE_UNIT` if a unit supervises the process, unless this process belongs to it,
 * and `E_EXEC`.
 */
export async function startUpgrade(record: UpgradeRecord): Promise<number> {
  checkUnit(record);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...ownCommand().slice(1), ...record.command],
    env: {
      IPOIB_HANDOVER: record.socket,
      ...(record.log === undefined ? {} : { IPOIB_LOG_FILE: record.log }),
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const exit = child.status.then(({ code }) => code);
  // The pipe closes when the process exits, or when it has taken over and redirects standard error.
  for await (const part of child.stderr) Deno.stderr.writeSync(part);
  const taken = Symbol();
  const grace = new Promise<typeof taken>((resolve) =>
    setTimeout(() => resolve(taken), 50)
  );
  const code = await Promise.race([exit, grace]);
  if (code !== taken) return code === 0 ? 2 : code;
  child.unref();
  return 0;
}

/** The new process must run in the control group of the unit: systemd stops only the processes of this group. */
function checkUnit({ unit, pid }: UpgradeRecord): void {
  if (!unit || unit.invocation === variable("INVOCATION_ID")) return;
  const { name } = unit;
  throw new IpoibError(
    "E_UPGRADE_UNIT",
    `Process ${pid} is supervised by ${name ?? "a unit of systemd"}`,
    { hint: `use systemctl reload ${name ?? "UNIT"}` },
  );
}
