import { assertEquals } from "@std/assert";
import { errnoCell } from "../../../ffi/libc.ts";
import { IbvAsyncEvent } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { AsyncEvents, portEvent } from "../../../src/hca/verbs/async_events.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";

Deno.test("portEvent() converts the events of a port", () => {
  const types = [9, 10, 11, 12, 13, 17, 18].map((type) =>
    portEvent(type, 1, 1)?.type
  );
  assertEquals(types, [
    "port_active",
    "port_error",
    "lid_change",
    "pkey_change",
    "sm_change",
    "client_reregister",
    "gid_change",
  ]);
});

Deno.test("portEvent() ignores events of other ports and of other objects", () => {
  assertEquals(portEvent(9, 2, 1), undefined);
  assertEquals([0, 1, 4, 16].map((type) => portEvent(type, 1, 1)), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

/** Returns what is reported of a device with the given asynchronous events, after which reads fail with an errno. */
function eventsOf(types: number[], why: number): string[] {
  using fd = createEventFd();
  const reactor = new FakeReactor();
  const reported: string[] = [];
  const device = {
    ...{ asyncFd: fd.number, context: 1n },
    library: {
      ibv_get_async_event: (_context: bigint, event: BufferSource) => {
        const type = types.shift();
        errnoCell()[0] = why;
        if (type === undefined) return -1;
        const view = new DataView((event as Uint8Array).buffer);
        view.setInt32(IbvAsyncEvent.Type, type, true);
        view.setInt32(IbvAsyncEvent.Element, 1, true);
        return 0;
      },
      ibv_ack_async_event: () => {},
    },
  };
  new AsyncEvents(reactor, device as unknown as VerbsDevice, 1, {
    onEvent: ({ type }) => reported.push(type),
    onObjectEvent: (type) => reported.push(`object ${type}`),
    onLost: (reason) => reported.push(reason),
  });
  reactor.watches[0]!.trigger();
  return reported;
}

Deno.test("AsyncEvents reports a fatal error as the loss of the device, and reads no further event", () => {
  assertEquals(eventsOf([10, 8, 9], Errno.EAGAIN), [
    "port_error",
    "it reported a fatal error",
  ]);
});

Deno.test("AsyncEvents reports events that cannot be read as the loss of the device", () => {
  const lost = [Errno.EIO, Errno.ENODEV, Errno.EAGAIN].map((why) =>
    eventsOf([10], why)
  );
  assertEquals(lost, [
    ["port_error", "its events cannot be read: Input/output error"],
    ["port_error", "its events cannot be read: No such device"],
    ["port_error"],
  ]);
});
