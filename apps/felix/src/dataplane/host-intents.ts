import type { Intent } from '../calc/intents.ts';
import { groupsOfHost, renderHostChains, type HostAttachment } from '../rules/host-chains.ts';
import { renderHostDispatchChains, renderHostDispatchMaps } from '../rules/host-dispatch.ts';
import { HostAttachments } from '../rules/host-interfaces.ts';
import type { Chain } from '../rules/model.ts';
import type { RuleOptions } from '../rules/options.ts';
import type { EndpointMarks } from './endpoint-marks.ts';
import type { GroupUsers } from './group-users.ts';
import type { PolicyTarget } from './policy-target.ts';

const hostUser = (interfaceName: string): string => `host ${interfaceName}`;

/** Turns what there is of host endpoints and of the host's interfaces into what one family's packet filter should hold. */
export class HostIntents {
  readonly #target: PolicyTarget;
  readonly #options: RuleOptions;
  readonly #groups: GroupUsers;
  readonly #marks: EndpointMarks;
  readonly #attachments = new HostAttachments();
  /** By interface name, with the chains that are there for it. */
  #programmed = new Map<string, { readonly attachment: HostAttachment; readonly chains: readonly Chain[] }>();

  constructor(target: PolicyTarget, options: RuleOptions, groups: GroupUsers, marks: EndpointMarks) {
    this.#target = target;
    this.#options = options;
    this.#groups = groups;
    this.#marks = marks;
    for (const map of renderHostDispatchMaps([], options)) target.dispatch.set(map);
    for (const chain of renderHostDispatchChains(false, options)) target.chains.setChain(chain);
  }

  take(intent: Intent): void {
    if (this.#attachments.take(intent)) this.#settle();
  }

  /** Hosts have few interfaces: all are looked at, and only those that differ are written. */
  #settle(): void {
    const { chains, dispatch } = this.#target;
    const wanted = new Map(this.#attachments.list().map((attachment) => [attachment.interfaceName, attachment]));
    for (const [interfaceName, { chains: old }] of this.#programmed) {
      if (wanted.has(interfaceName)) continue;
      this.#deleteEntries(interfaceName, []);
      for (const { layer, name } of old) chains.delete(layer, name);
      this.#groups.setUses(hostUser(interfaceName), []);
      this.#programmed.delete(interfaceName);
      this.#marks.setHost(interfaceName, false);
      if (interfaceName === '*') this.#setWildcard(false);
    }
    for (const [interfaceName, attachment] of wanted) {
      const old = this.#programmed.get(interfaceName);
      if (old?.attachment.endpoint === attachment.endpoint) continue;
      this.#groups.setUses(hostUser(interfaceName), groupsOfHost(attachment));
      const rendered = renderHostChains(attachment, this.#options);
      for (const chain of rendered) chains.setChain(chain);
      this.#deleteEntries(interfaceName, [attachment]);
      for (const map of renderHostDispatchMaps([attachment], this.#options)) dispatch.set(map);
      for (const { layer, name } of old?.chains ?? []) {
        if (!rendered.some((chain) => chain.layer === layer && chain.name === name)) chains.delete(layer, name);
      }
      this.#programmed.set(interfaceName, { attachment, chains: rendered });
      this.#marks.setHost(interfaceName, true);
      if (interfaceName === '*') this.#setWildcard(true);
    }
  }

  /** Takes the interface out of the maps that it is not in any more. */
  #deleteEntries(interfaceName: string, attachments: readonly HostAttachment[]): void {
    for (const map of renderHostDispatchMaps(attachments, this.#options)) {
      if (map.entries.length === 0) this.#target.dispatch.deleteEntry(map, { interfaceName });
    }
  }

  #setWildcard(isThere: boolean): void {
    for (const chain of renderHostDispatchChains(isThere, this.#options)) this.#target.chains.setChain(chain);
  }
}
