/** Memory for packets that cannot be had in full leaves no mapping and no registration behind. */

import { assertEquals, assertThrows } from "@std/assert";
import { libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import type { Registrar } from "../../../src/hca/verbs/memory.ts";
import { ReceiveBuffers } from "../../../src/hca/verbs/receive_buffers.ts";
import {
  type BufferFormat,
  CONNECTED_BUFFER,
  DATAGRAM_BUFFER,
} from "../../../src/hca/verbs/receive_memory.ts";
import { VerbsSendMemory } from "../../../src/hca/verbs/send_memory.ts";
import { assertNoLeak, mapped } from "../../system/failing_call.ts";
import { FakeVerbs } from "./fake_verbs.ts";

/** A device that counts the registrations, or refuses them. */
class Device extends FakeVerbs {
  registered = 0;
  refuses = false;
  override readonly library: Registrar = {
    ibv_reg_mr: (...args) => {
      if (this.refuses) return 0n;
      this.registered++;
      return this.#library.ibv_reg_mr(...args);
    },
    ibv_dereg_mr: () => {
      this.registered--;
      return 0;
    },
  };
  readonly #library = new FakeVerbs().library;
}

function makeBuffers(device: Device, format: BufferFormat): ReceiveBuffers {
  return new ReceiveBuffers(device, {
    ...{ pd: 0n, queue: 0n, set: 1, buffers: 4, format, shared: true },
  }, new VerbsCounters());
}

Deno.test("receive buffers that the device refuses to register leave no mapping", () => {
  const device = new Device();
  device.refuses = true;
  for (const format of [DATAGRAM_BUFFER, CONNECTED_BUFFER]) {
    const left = mapped(() => {
      const { code } = assertThrows(
        () => makeBuffers(device, format),
        IpoibError,
      );
      assertEquals(code, "E_VERBS");
    });
    assertEquals(left, 0);
  }
});

Deno.test("receive buffers leave no mapping and no registration if any of their mappings fails", () => {
  const device = new Device();
  const maps = [[DATAGRAM_BUFFER, 2], [CONNECTED_BUFFER, 3]] as const;
  for (const [format, mappings] of maps) {
    for (let i = 1; i <= mappings; i++) {
      assertNoLeak(libc(), "mmap", i, () => makeBuffers(device, format));
      assertEquals(device.registered, 0);
    }
  }
});

Deno.test("the send memory leaves no mapping and no registration if one of its mappings fails", () => {
  const device = new Device();
  const make = () => new VerbsSendMemory(device.library, 0n, false);
  for (const i of [1, 2]) {
    assertNoLeak(libc(), "mmap", i, make);
    assertEquals(device.registered, 0);
  }
});
