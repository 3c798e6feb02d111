package bench;

import java.nio.ByteBuffer;

/** The counts of one user and tag, packed: per day 4 bytes for the day and 2 for each of the four counts. */
final class Counts {
    static final int SHOWN = 0;
    static final int STARTED = 1;
    static final int ABANDONED = 2;
    static final int DISLIKED = 3;
    private static final int DAY_BYTES = 12;

    private Counts() {}

    /** The packed counts with one added to some columns of a day. */
    static byte[] add(byte[] packed, int day, int... columns) {
        int at = packed == null ? 0 : packed.length;
        for (int i = 0; packed != null && i < packed.length; i += DAY_BYTES) {
            if (ByteBuffer.wrap(packed).getInt(i) == day) {
                at = i;
                break;
            }
        }
        boolean fresh = packed == null || at == packed.length;
        byte[] changed = new byte[fresh ? at + DAY_BYTES : packed.length];
        if (packed != null) {
            System.arraycopy(packed, 0, changed, 0, packed.length);
        }
        ByteBuffer counts = ByteBuffer.wrap(changed);
        counts.putInt(at, day);
        for (int column : columns) {
            int place = at + 4 + 2 * column;
            counts.putShort(place, (short) (counts.getShort(place) + 1));
        }
        return changed;
    }

    /** Whether a tag with these counts is to be avoided. */
    static boolean avoided(byte[] packed) {
        if (packed == null) {
            return false;
        }
        ByteBuffer counts = ByteBuffer.wrap(packed);
        int[] sums = new int[4];
        for (int i = 0; i < packed.length; i += DAY_BYTES) {
            for (int column = 0; column < 4; column++) {
                sums[column] += Short.toUnsignedInt(counts.getShort(i + 4 + 2 * column));
            }
        }
        return sums[DISLIKED] > 0
                || (sums[SHOWN] >= 10 && sums[STARTED] == 0)
                || (sums[ABANDONED] >= 2 && 2 * sums[ABANDONED] >= sums[STARTED]);
    }
}
