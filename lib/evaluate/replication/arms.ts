// What is trained from the common start: the rows of the paper's Table 1 and Table 5 (Yamada & Ri 2024), and controls that
// say why a row is as it is.
import type { TrainSettingsInput } from '../../train/settings.ts';

export interface Arm {
  /** Names its folder. */
  readonly id: string;
  /** Its row in the tables. */
  readonly name: string;
  readonly training: Pick<TrainSettingsInput, 'strategy' | 'pSkip' | 'lossOnNames'>;
  /** Whose English names the links have: those of the people they name, or those of other people. */
  readonly names: 'own' | 'shuffled';
  /** Whether English text stays in the mix. */
  readonly english: boolean;
}

const inTable1 = (['left', 'right', 'replace'] as const).flatMap((strategy) =>
  [0, 0.5].map(
    (pSkip): Arm => ({
      id: `${strategy}-${pSkip}`,
      name: `LEIA ${strategy}, p_skip ${pSkip.toFixed(1)}`,
      training: { strategy, pSkip },
      names: 'own',
      english: true,
    }),
  ),
);

const plain: Arm = {
  ...{ id: 'plain', name: 'plain fine-tuning', names: 'own', english: true },
  training: { strategy: 'none' },
};

/** The paper's own choice among its six configurations, which the other tables use. Fixed before any run of ours. */
const chosen = inTable1.find(({ id }) => id === 'right-0.5')!;

export const arms: readonly Arm[] = [
  plain,
  ...inTable1,
  {
    ...chosen,
    id: 'right-0.5-no-name-loss',
    name: 'LEIA without loss on names',
    training: { ...chosen.training, lossOnNames: false },
  },
  { ...chosen, id: 'right-0.5-shuffled', name: 'LEIA, names shuffled', names: 'shuffled' },
  { ...plain, id: 'plain-no-english', name: 'plain, no English text', english: false },
  { ...chosen, id: 'right-0.5-no-english', name: 'LEIA, no English text', english: false },
];

/** The arms by what they are for. */
export const roles = {
  plain: plain.id,
  chosen: chosen.id,
  table1: inTable1.map(({ id }) => id),
  withoutNameLoss: 'right-0.5-no-name-loss',
  shuffled: 'right-0.5-shuffled',
  withoutEnglish: ['plain-no-english', 'right-0.5-no-english'],
} as const;

export function armOf(id: string): Arm {
  return arms.find((arm) => arm.id === id)!;
}
