/** The images: each as the command line shows it, and to be taken away. */
import type { JSX } from 'preact';
import { fail } from '../state.ts';
import { LineList } from '../ui/line-list.tsx';
import { Pane } from '../ui/pane.tsx';
import { save, saveAll } from './downloads.ts';
import type { Trip } from './protocol.ts';
import { image, imageLines, imageName, pretty, showImage } from './state.ts';
import { sizeText } from './words.ts';

export function ImagesStep({ trip: { images = [] } }: { trip: Trip }): JSX.Element {
  const shown = image.value;
  return (
    <div class="images">
      <Pane
        title="Images"
        class="image-list"
        tools={
          <button type="button" onClick={() => saveAll(images).catch(fail)}>
            Download all (.tar)
          </button>
        }
      >
        <ul>
          {images.map(({ name, what, bytes }) => (
            <li key={name}>
              <button
                type="button"
                class="image-choice"
                aria-pressed={name === imageName.value}
                onClick={() => showImage(name)}
              >
                <span class="mono">{name}</span>
                <span class="image-what">{what}</span>
                <span class="image-size">{sizeText(bytes.length)}</span>
              </button>
            </li>
          ))}
        </ul>
      </Pane>
      {shown && (
        <Pane
          title={shown.name}
          class="image-text"
          tools={
            <>
              <label class="check" title="Flags and addresses as people write them">
                <input
                  type="checkbox"
                  checked={pretty.value}
                  onChange={({ currentTarget }) => showImage(shown.name, currentTarget.checked)}
                />
                pretty
              </label>
              <button type="button" onClick={() => save(shown.name, shown.bytes)}>
                Download
              </button>
            </>
          }
        >
          <LineList
            label={`Content of ${shown.name}`}
            count={imageLines.value.length}
            render={(index) => imageLines.value[index]}
          />
        </Pane>
      )}
    </div>
  );
}
