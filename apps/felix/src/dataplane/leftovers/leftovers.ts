/** What a packet filter driver has left in the kernel that is not the one that runs now. */
export interface Leftovers {
  /** For logs: `nftables`, `iptables-legacy`. */
  readonly name: string;
  /** Whether the kernel still asks them about packets that it forwards. */
  isInForce(): boolean;
  /** Takes them away. Gives whether there was anything. */
  remove(): Promise<boolean>;
}
