/**
 * Announces the addresses of an interface on its link: each address twice, because switches may not have the new group
 * member in their tables the first time.
 */

import type { NetConfig } from "../netdev/net_config.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { ANNOUNCE_INTERVAL_MS } from "./constants.ts";
import type { DebugLog } from "./debug_log.ts";
import type { FamilyOnLink } from "./family/address_family.ts";

/** Dependencies of {@linkcode Announcements}. */
export interface AnnouncementParts {
  readonly config: Pick<NetConfig, "addresses" | "isLocal">;
  readonly families: readonly FamilyOnLink[];
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  readonly debug: DebugLog;
}

export class Announcements {
  readonly #parts: AnnouncementParts;
  readonly #timer: Timer;
  /** Addresses that the interface had when it announced the last ones, as text. */
  #announced = new Set<string>();
  /** Addresses to announce a second time, keyed by text. */
  readonly #again = new Map<string, IpAddress>();

  constructor(parts: AnnouncementParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer(() => this.#announceAgain());
  }

  /** Announces the addresses that have not been announced since the last {@linkcode clear}. */
  follow(): void {
    const { config, reactor, debug } = this.#parts;
    const current = new Map(
      config.addresses.map(({ address }) => [String(address), address]),
    );
    const fresh = [...current].filter(([text]) => !this.#announced.has(text));
    this.#announced = new Set(current.keys());
    if (fresh.length === 0) return;
    const texts = fresh.map(([text]) => text);
    debug.decision(() => `Announcing ${texts.join(", ")}`);
    this.#announce(fresh.map(([, address]) => address));
    for (const [text, address] of fresh) this.#again.set(text, address);
    this.#timer.at(reactor.clock.now() + ANNOUNCE_INTERVAL_MS);
  }

  /** Forgets what was announced, and announces nothing a second time. */
  clear(): void {
    this.#announced.clear();
    this.#again.clear();
  }

  close(): void {
    this.#timer.close();
  }

  #announceAgain(): void {
    const { config } = this.#parts;
    const again = [...this.#again.values()];
    this.#again.clear();
    this.#announce(again.filter((each) => config.isLocal(each)));
  }

  #announce(addresses: readonly IpAddress[]): void {
    for (const { family, translator } of this.#parts.families) {
      translator.announce(addresses.filter((each) => family.has(each)));
    }
  }
}
