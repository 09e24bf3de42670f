// How an answer sounds and feels. A station can be made louder, not silent.

const TONES = {
  done: [[1320, 120]],
  look: [[660, 120], [660, 120]],
  unknown: [[660, 120], [660, 120]],
  stop: [[220, 350], [220, 350]],
  kept: [[1000, 20]],
};
const BUZZ = { done: [60], look: [60, 80, 60], unknown: [60, 80, 60], stop: [350, 120, 350], kept: [20] };
const PAUSE = 90;
const LOUDNESS = [0.15, 0.35, 0.8];

let audio;

// A browser gives sound only to pages that somebody has touched; a station was touched on the page before.
const TOUCHED = "touched";
for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => sessionStorage.setItem(TOUCHED, "yes"), { once: true, capture: true });

export function loudness(level) {
  if (level !== undefined) localStorage.setItem("loudness", String(level));
  return Math.min(2, Math.max(0, Number(localStorage.getItem("loudness") ?? 1)));
}

export function tone(kind) {
  const notes = TONES[kind];
  if (!notes) return;
  navigator.userActivation?.hasBeenActive && navigator.vibrate?.(BUZZ[kind]);
  if (!window.AudioContext || !sessionStorage.getItem(TOUCHED)) return;
  audio ??= new AudioContext();
  audio.resume().then(() => {
    let at = audio.currentTime + 0.01;
    for (const [hertz, milliseconds] of notes) {
      const oscillator = audio.createOscillator();
      const volume = audio.createGain();
      const seconds = milliseconds / 1000;
      oscillator.type = kind === "stop" ? "sawtooth" : "sine";
      oscillator.frequency.value = hertz;
      volume.gain.setValueAtTime(LOUDNESS[loudness()], at);
      volume.gain.setValueAtTime(LOUDNESS[loudness()], at + seconds - 0.01);
      volume.gain.linearRampToValueAtTime(0, at + seconds);
      oscillator.connect(volume).connect(audio.destination);
      oscillator.start(at);
      oscillator.stop(at + seconds);
      at += seconds + PAUSE / 1000;
    }
  });
}
