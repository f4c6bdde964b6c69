import type { Resource } from '../../request/operation';
import { getCurrent } from './getCurrent';
import { getMany } from './getMany';
import { getTrainingStatus } from './getTrainingStatus';
import { promote } from './promote';
import { rollBack } from './rollBack';
import { startTraining } from './startTraining';

export const model: Resource = { value: 'model', name: 'Model', operations: [getCurrent, getMany, getTrainingStatus, promote, rollBack, startTraining] };
