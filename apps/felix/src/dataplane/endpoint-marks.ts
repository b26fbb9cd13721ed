import { endpointMarks } from '../rules/endpoint-marks.ts';
import { renderFromMarkChain, renderMarkChain, renderMarkDispatch } from '../rules/ipvs.ts';
import { endpointMarkChainName } from '../rules/names.ts';
import type { RuleOptions } from '../rules/options.ts';
import type { PolicyTarget } from './policy-target.ts';

/**
 * What one family's packet filter needs beside IPVS to know endpoints by their marks: the interfaces' chains, as they
 * come and go. Does nothing without IPVS.
 */
export class EndpointMarks {
  readonly #target: PolicyTarget;
  readonly #options: RuleOptions;
  readonly #workloads = new Set<string>();
  readonly #hosts = new Set<string>();
  #hasWildcard = false;
  #marks: ReadonlyMap<string, number> = new Map();

  constructor(target: PolicyTarget, options: RuleOptions) {
    this.#target = target;
    this.#options = options;
    this.#setDispatch([]);
    this.#setFromMark();
  }

  /** Whether a workload has the interface. */
  setWorkload(interfaceName: string, isThere: boolean): void {
    this.#setInterface(this.#workloads, interfaceName, isThere);
  }

  /** Whether a host endpoint covers the interface; `*` stands for those that no other covers. */
  setHost(interfaceName: string, isThere: boolean): void {
    if (interfaceName !== '*') {
      this.#setInterface(this.#hosts, interfaceName, isThere);
    } else if (isThere !== this.#hasWildcard) {
      this.#hasWildcard = isThere;
      this.#setFromMark();
    }
  }

  #setInterface(names: Set<string>, name: string, isThere: boolean): void {
    const { ipvs } = this.#options;
    if (ipvs === undefined || names.has(name) === isThere) return;
    const { chains, dispatch } = this.#target;
    if (isThere) {
      names.add(name);
      this.#setDispatch([name]);
    } else {
      names.delete(name);
      chains.delete('filter', endpointMarkChainName(name));
      for (const map of renderMarkDispatch({ workloads: [], hosts: [] }, this.#options))
        dispatch.deleteEntry(map, { interfaceName: name });
    }
    const before = this.#marks;
    const all = this.#workloads.union(this.#hosts);
    this.#marks = endpointMarks(all, ipvs.marks);
    for (const each of all) {
      const mark = this.#marks.get(each);
      if (each === name || before.get(each) !== mark) chains.setChain(renderMarkChain(each, mark, this.#options));
    }
    this.#setFromMark();
  }

  #setDispatch(names: readonly string[]): void {
    for (const map of renderMarkDispatch({ workloads: names, hosts: [] }, this.#options))
      this.#target.dispatch.set(map);
  }

  #setFromMark(): void {
    const interfaces = { workloads: this.#workloads, hosts: this.#hosts, hasWildcard: this.#hasWildcard };
    for (const each of renderFromMarkChain(interfaces, this.#marks, this.#options)) this.#target.chains.setChain(each);
  }
}
