/** `ipoib upgrade`: starts this program as the process that takes over the interfaces of a running one. */

import { IpoibError } from "../base/errors.ts";
import { variable } from "../base/variables.ts";
import type { UpgradeRecord } from "../ipc/schema.ts";
import { ownCommand } from "../system/own_command.ts";

/**
 * Starts the new process, and copies its lines to standard error. Returns 0 when it has taken over, otherwise its exit
 * code; it has then printed the reason, and the old process goes on. Throws `E_UPGRADE_UNIT` if a unit supervises the
 * process, unless this process belongs to it, and `E_EXEC`.
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
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const exit = child.status.then(({ code }) => code);
  // The pipes close when the process exits, or when it has taken over.
  await Promise.all([child.stdout, child.stderr].map(copy));
  const taken = Symbol();
  const grace = new Promise<typeof taken>((resolve) =>
    setTimeout(() => resolve(taken), 50)
  );
  const code = await Promise.race([exit, grace]);
  if (code !== taken) return code === 0 ? 2 : code;
  child.unref();
  return 0;
}

async function copy(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const part of stream) Deno.stderr.writeSync(part);
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
