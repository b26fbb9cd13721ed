#!/usr/bin/env node
import { runService } from '@calico-node/service';
import { runLibnetworkPlugin } from './wire.ts';

await runService({
  name: 'libnetwork-plugin',
  description: "Docker's network driver 'calico' and IPAM driver 'calico-ipam'",
  options: {
    'node-name': {
      type: 'string',
      value: 'NAME',
      env: 'NODENAME',
      help: 'this node; default: the nodename file, then HOSTNAME, then the host name',
    },
    'network-socket': {
      type: 'string',
      value: 'PATH',
      env: 'CALICO_LIBNETWORK_SOCKET',
      default: '/run/docker/plugins/calico.sock',
      help: 'where to serve the network driver; the file name is the name of the driver',
    },
    'ipam-socket': {
      type: 'string',
      value: 'PATH',
      env: 'CALICO_LIBNETWORK_IPAM_SOCKET',
      default: '/run/docker/plugins/calico-ipam.sock',
      help: 'where to serve the IPAM driver',
    },
    scope: {
      type: 'string',
      value: 'SCOPE',
      env: 'CALICO_LIBNETWORK_SCOPE',
      default: 'local',
      help: 'local, or global for engines that share a cluster store',
    },
    'interface-prefix': {
      type: 'string',
      value: 'TEXT',
      env: 'CALICO_LIBNETWORK_IFPREFIX',
      default: 'cali',
      help: 'what the names of interfaces inside containers start with',
    },
    'create-profiles': {
      type: 'string',
      value: 'BOOL',
      env: 'CALICO_LIBNETWORK_CREATE_PROFILES',
      default: 'true',
      help: "whether endpoints get their network's profile, made when it is missing",
    },
    'veth-mtu': {
      type: 'string',
      value: 'BYTES',
      env: 'CALICO_LIBNETWORK_VETH_MTU',
      help: "the interfaces' MTU; default: what Felix has found, else 1500",
    },
    'label-endpoints': {
      type: 'string',
      value: 'BOOL',
      env: 'CALICO_LIBNETWORK_LABEL_ENDPOINTS',
      default: 'false',
      help: "whether containers' labels org.projectcalico.label.NAME are copied to their endpoints",
    },
    'label-poll-timeout': {
      type: 'string',
      value: 'DURATION',
      env: 'CALICO_LIBNETWORK_LABEL_POLL_TIMEOUT',
      default: '5s',
      help: 'how long Docker may take to say which container an endpoint is in',
    },
    'docker-host': {
      type: 'string',
      value: 'URL',
      env: 'DOCKER_HOST',
      default: 'unix:///var/run/docker.sock',
      help: "the engine's API, to read labels from",
    },
    'forgotten-after': {
      type: 'string',
      value: 'DURATION',
      env: 'CALICO_LIBNETWORK_FORGOTTEN_AFTER',
      default: '60s',
      help: 'when an endpoint without an interface goes, and its addresses with it',
    },
    'policy-timeout': {
      type: 'string',
      value: 'DURATION',
      env: 'CALICO_LIBNETWORK_POLICY_TIMEOUT',
      default: '5s',
      help: 'how long a container waits for Felix to have its policy in the kernel; 0s: not at all',
    },
  },
  healthAddress: '127.0.0.1:9195',
  run: runLibnetworkPlugin,
});
