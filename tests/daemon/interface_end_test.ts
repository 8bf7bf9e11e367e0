/** Which reason of the end of an interface counts, and when it ends. */

import { assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { type EndCause, InterfaceEnd } from "../../src/daemon/interface_end.ts";

/** Returns what `promise` resolves to soon, or undefined. */
function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  const later = new Promise<undefined>((resolve) =>
    setTimeout(() => resolve(undefined), 5)
  );
  return Promise.race([promise, later]);
}

Deno.test("the first reason of an end counts", async () => {
  const end = new InterfaceEnd("ib0");
  assertEquals(end.requested, false);
  end.request({ reason: "signal" });
  end.request({ reason: "down" });
  assertEquals(end.requested, true);
  assertEquals(await end.cause(), { reason: "signal" });
  await assertRejects(() => end.interrupted(), IpoibError, "ib0 was stopped");
});

Deno.test("every end of an interface that the old process goes on with counts as not taken over", async () => {
  const failure = new IpoibError("E_TEST", "The port is gone");
  const causes: EndCause[] = [
    ...[{ reason: "signal" }, { reason: "down" }] as const,
    ...[{ reason: "failure", failure }, { reason: "failure" }] as const,
  ];
  for (const cause of causes) {
    const concluded = Promise.withResolvers<boolean>();
    const end = new InterfaceEnd("ib0", () => concluded.promise);
    end.request(cause);
    // The old process may be accepting.
    assertEquals(await soon(end.cause()), undefined);
    concluded.resolve(false);
    assertEquals(await end.cause(), { ...cause, reason: "not taken over" });
    const taken = new InterfaceEnd("ib0", () => Promise.resolve(true));
    taken.request(cause);
    assertEquals(await taken.cause(), cause);
  }
  const end = new InterfaceEnd("ib0", () => Promise.resolve(false));
  end.request({ reason: "failure", failure });
  await assertRejects(() => end.interrupted(), IpoibError, "The port is gone");
});

Deno.test("an interface that is released ends after it has its devices again, or when it is handed over", async () => {
  const end = new InterfaceEnd("ib0");
  end.released();
  end.request({ reason: "down" });
  assertEquals(await soon(end.cause()), undefined);
  end.resumed();
  assertEquals(await end.cause(), { reason: "down" });

  const handed = new InterfaceEnd("ib0");
  handed.released();
  handed.request({ reason: "handed over" });
  assertEquals(await handed.cause(), { reason: "handed over" });

  // A signal arrived while this process accepted the new one, which has the devices now.
  const late = new InterfaceEnd("ib0");
  late.released();
  late.request({ reason: "signal" });
  late.request({ reason: "handed over" });
  assertEquals(await soon(late.cause()), { reason: "handed over" });
});
