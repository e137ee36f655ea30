/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The list of what is paused in its file: replaced whole, so that who reads it sees the old one or
 * the new one. Read by the agent; changed by the command line, by one program at a time.
 */

#include "host/pause.h"

/* 0, also where there is no such file: the list is empty. -EBADMSG, -EACCES, ...: it cannot be
 * read, or somebody else may write it; then list->fault says why and nothing else is in it. */
int pause_file_read(int directory_fd, struct pause_list *ret);
/* The right to change it, until the descriptor is closed; waits for whoever has it. A descriptor or
 * -errno. */
int pause_file_lock(int directory_fd);
/* Replaces the file, or removes it if the list is empty. 0 or -errno, and then it is as before. */
int pause_file_write(int directory_fd, const struct pause_list *list);
