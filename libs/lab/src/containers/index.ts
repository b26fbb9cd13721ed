export { Child, eventually, run, type Outcome } from './child.ts';
export { composeCommand } from './compose-command.ts';
export { ContainerLab, type ContainerLabOptions } from './container-lab.ts';
export { DockerEngine, type Engine, engineProblem, type EngineOptions } from './docker-engine.ts';
export { type EtcdContainer, etcdImage, etcdImageVariable, startEtcdContainer } from './etcd-container.ts';
export { containerProblem, startEngine } from './find-engine.ts';
export { nodeImage, nodeImageVariable, prepareNodeImage } from './node-image.ts';
