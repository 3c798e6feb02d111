"""What our worker is compared with. Peers do a simpler count than ours, written as their own tutorials would.

The simple count, by user, tag and UTC day: `shown` (impressions of at least half of the item, in view for 2000 ms if a
video, else 1000), `started` (plays that ended), `abandoned` (those of less than min(60 s, 2·√duration), or 30 s where
the duration is not known) and `disliked`. A tag is avoided when, over all days, it was disliked, or shown ten times and
never started, or at least twice and in at least half of its plays abandoned. A user's list of avoided tags is emitted
when it changes. All of it is independent of the order of arrival, so that no peer loses by not aligning its topics.
"""
