/** The result of `config.show`: the options with which an interface runs. */

import type { Result } from "../ipc/schema.ts";
import { type InterfaceOptions, optionTexts } from "../ipc/up_options.ts";
import { newReceiveRing } from "../ipoib/rings.ts";
import type { ChosenHca } from "./choose_hca.ts";

export function configRecord(
  { netns: _, ...options }: InterfaceOptions,
  hca: ChosenHca,
): Result<"config.show"> {
  return {
    options: {
      ...optionTexts({ ...options, hca }),
      ...(options.roce ? { roce: "yes" } : {}),
      ...(options.persist ? { persist: "yes" } : {}),
    },
    recv_queue_size: newReceiveRing(
      options.recvQueueSize,
      hca.kind === "verbs",
    ),
  };
}
