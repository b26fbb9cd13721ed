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
  /** Of the interfaces whose chains are there. */
  #marks = new Map<string, number>();
  #isSettled = false;

  constructor(target: PolicyTarget, options: RuleOptions) {
    this.#target = target;
    this.#options = options;
    if (options.ipvs !== undefined) target.dispatch.set(renderMarkDispatch([]));
    this.settle();
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
      this.#isSettled = false;
    }
  }

  /** Renders what the calls since the last one have changed; the work is that of all interfaces, if there were any. */
  settle(): void {
    const { ipvs } = this.#options;
    if (ipvs === undefined || this.#isSettled) return;
    this.#isSettled = true;
    const { chains } = this.#target;
    const workloads = this.#workloads;
    const hosts = this.#hosts;
    const before = this.#marks;
    const all = workloads.union(hosts);
    this.#marks = new Map(endpointMarks(all, ipvs.marks));
    for (const name of all) {
      const mark = this.#marks.get(name);
      if (mark === undefined || before.get(name) !== mark) {
        chains.setChain(renderMarkChain(name, mark, ipvs, this.#options));
      }
    }
    const interfaces = { workloads, hosts, hasWildcard: this.#hasWildcard };
    chains.setChain(renderFromMarkChain(interfaces, this.#marks, ipvs, this.#options));
  }

  #setInterface(names: Set<string>, name: string, isThere: boolean): void {
    if (this.#options.ipvs === undefined || names.has(name) === isThere) return;
    this.#isSettled = false;
    const { chains, dispatch } = this.#target;
    if (isThere) {
      names.add(name);
      dispatch.set(renderMarkDispatch([name]));
    } else {
      names.delete(name);
      this.#marks.delete(name);
      dispatch.deleteEntry(renderMarkDispatch([]), { interfaceName: name });
      chains.delete('filter', endpointMarkChainName(name));
    }
  }
}
